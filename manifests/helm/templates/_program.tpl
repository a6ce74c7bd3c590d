{{/* The image of all three programs. */}}
{{- define "sallyport.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* The labels by which a program's pods are found. */}}
{{- define "sallyport.selector" -}}
app.kubernetes.io/name: sallyport-{{ .name }}
{{- end -}}

{{/* The labels of what belongs to one program. */}}
{{- define "sallyport.labels" -}}
{{ include "sallyport.selector" . }}, app.kubernetes.io/part-of: sallyport
{{- end -}}

{{/* A service account: name, program. */}}
{{- define "sallyport.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: sallyport-{{ .name }}
  namespace: sallyport-system
  labels: {app.kubernetes.io/part-of: sallyport}
  {{- with .program.serviceAccountAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* A Deployment and its disruption budget: root, name, program (its values), note, args, env, ports, mounts and volumes. */}}
{{- define "sallyport.program" -}}
{{- $values := .root.Values -}}
{{- $replicas := int .program.replicas -}}
{{- if and (not (kindIs "invalid" .program.minAvailable)) (gt $replicas 0) (le $replicas (int .program.minAvailable)) -}}
{{- fail (printf "%s has replicas: %d and minAvailable: %d, so no node that it runs on could ever be drained. Raise replicas, or set minAvailable: null" .key $replicas (int .program.minAvailable)) -}}
{{- end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: sallyport-{{ .name }}
  namespace: sallyport-system
  labels: { {{- include "sallyport.labels" . -}} }
spec:
  {{- with .note }}
  # {{ . }}
  {{- end }}
  replicas: {{ $replicas }}
  selector:
    matchLabels: { {{- include "sallyport.selector" . -}} }
  template:
    metadata:
      {{- if .program.podLabels }}
      labels:
        app.kubernetes.io/name: sallyport-{{ .name }}
        app.kubernetes.io/part-of: sallyport
        {{- toYaml .program.podLabels | nindent 8 }}
      {{- else }}
      labels: { {{- include "sallyport.labels" . -}} }
      {{- end }}
      {{- with .program.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: sallyport-{{ .name }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $values.image.pullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 6 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      {{- with .program.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .program.tolerations }}
      tolerations: {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with .program.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
      {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
      - maxSkew: 1
        topologyKey: {{ . }}
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels: { {{- include "sallyport.selector" $ -}} }
      {{- end }}
      containers:
      - name: {{ .name }}
        image: {{ include "sallyport.image" .root }}
        imagePullPolicy: {{ $values.image.pullPolicy }}
        args:
        - {{ .name }}
        {{- range .args }}
        - {{ . | quote }}
        {{- end }}
        {{- range .program.extraArgs }}
        - {{ . | quote }}
        {{- end }}
        env:
        - {name: SALLYPORT_LOG, value: {{ $values.log.level | quote }}}
        - {name: SALLYPORT_LOG_FORMAT, value: {{ $values.log.format | quote }}}
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .program.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        ports:
        {{- with .ports }}
        {{- . | nindent 8 }}
        {{- end }}
        - {name: health, containerPort: 9402}
        readinessProbe:
          httpGet: {path: /readyz, port: health}
          periodSeconds: 5
        livenessProbe:
          httpGet: {path: /healthz, port: health}
          periodSeconds: 20
          timeoutSeconds: 5
        {{- with .program.resources }}
        resources: {{- toYaml . | nindent 10 }}
        {{- end }}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
        {{- with .mounts }}
        volumeMounts: {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .volumes }}
      volumes: {{- toYaml . | nindent 6 }}
      {{- end }}
{{- if not (kindIs "invalid" .program.minAvailable) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: sallyport-{{ .name }}
  namespace: sallyport-system
  labels: { {{- include "sallyport.labels" . -}} }
spec:
  minAvailable: {{ .program.minAvailable }}
  selector:
    matchLabels: { {{- include "sallyport.selector" . -}} }
{{- end }}
{{- end -}}

{{/* The host of a URL, without its port. */}}
{{- define "sallyport.host" -}}
{{- regexReplaceAll "^https://(\\[[^]]+\\]|[^:/]+).*$" . "${1}" | trimPrefix "[" | trimSuffix "]" -}}
{{- end -}}

{{/* How cert-agent reaches AWS: variables, mounts and volumes, as YAML. */}}
{{- define "sallyport.aws" -}}
env: |
  # Never borrow the node's role: without Pod Identity or IRSA a call fails instead.
  - {name: AWS_EC2_METADATA_DISABLED, value: "true"}
{{- with .awsCaBundle }}{{ if .configMap }}
  - {name: AWS_CA_BUNDLE, value: /etc/sallyport/aws/{{ .key }}}
mounts: [{name: aws-ca-bundle, mountPath: /etc/sallyport/aws, readOnly: true}]
volumes: [{name: aws-ca-bundle, configMap: {name: {{ .configMap | quote }}, items: [{key: {{ .key | quote }}, path: {{ .key | quote }}}]}}]
{{- end }}{{ end -}}
{{- end -}}
