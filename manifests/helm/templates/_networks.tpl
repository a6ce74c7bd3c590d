{{/* Ports of a NetworkPolicy. */}}
{{- define "sallyport.ports" -}}
{{- range $i, $port := . }}{{ if $i }}{{ "\n" }}{{ end }}- {port: {{ $port }}}{{ end -}}
{{- end -}}

{{/* Peers of a NetworkPolicy by their addresses. */}}
{{- define "sallyport.blocks" -}}
{{- range $i, $cidr := . }}{{ if $i }}{{ "\n" }}{{ end }}- ipBlock: {cidr: {{ $cidr | quote }}}{{ end -}}
{{- end -}}

{{/* Whom one may talk to: everybody, if nobody is named. */}}
{{- define "sallyport.cidrs" -}}
{{- with . }}to:
{{ include "sallyport.blocks" . }}{{ end -}}
{{- end -}}
