// Who may talk to the API server: certificates and kubeconfigs on disk.

package main

import (
	"crypto/x509"
	"fmt"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// writePKI makes the cluster's CA, the API server's certificate, the keys that
// sign service account tokens, and with a real node what its kubelet serves with
// and what the API server shows to it.
func (c *cluster) writePKI(now time.Time) error {
	ca, err := newAuthority(now)
	if err != nil {
		return err
	}
	c.ca = ca
	tokens, err := newServiceAccountKeys()
	if err != nil {
		return err
	}
	pairs := map[string]keyPair{"ca": ca.pair, "service-account": tokens}
	node := c.options.nodeAddress
	templates := map[string]*x509.Certificate{"apiserver": apiServerTemplate(node)}
	if node != nil {
		templates["kubelet"] = kubeletTemplate(node)
		templates["kubelet-client"] = clientTemplate("kube-apiserver-kubelet-client", "system:masters")
	}
	for name, template := range templates {
		if pairs[name], err = ca.issue(template, now); err != nil {
			return err
		}
	}
	for name, pair := range pairs {
		if err := pair.write(c.layout.pki(), name); err != nil {
			return err
		}
	}
	if c.options.auditLog {
		return writeFileAtomically(c.layout.auditPolicy(), []byte(auditPolicy))
	}
	return nil
}

// writeKubeconfigs gives everyone who talks to the API server at its present
// address a certificate and a kubeconfig.
func (c *cluster) writeKubeconfigs(now time.Time) error {
	type client struct {
		path     string
		template *x509.Certificate
	}
	clients := []client{
		{c.layout.adminKubeconfig(), clientTemplate("admin", "system:masters")},
		{c.layout.kubeconfig(controllerManagerName), clientTemplate("system:kube-controller-manager")},
		{c.layout.kubeconfig(schedulerName), clientTemplate("system:kube-scheduler")},
	}
	for _, node := range c.options.nodeNames() {
		clients = append(clients, client{c.layout.kubeconfig(node), nodeTemplate(node)})
	}
	if c.options.nodeAddress != nil {
		clients = append(clients,
			client{c.layout.kubeconfig(realNodeName), nodeTemplate(realNodeName)},
			client{c.layout.kubeconfig(kubeProxyName), clientTemplate("system:kube-proxy")})
	}
	for _, one := range clients {
		pair, err := c.ca.issue(one.template, now)
		if err != nil {
			return err
		}
		if err := writeKubeconfig(one.path, c.server, one.template.Subject.CommonName, c.ca.pair.certificate, pair); err != nil {
			return err
		}
	}
	return nil
}

// writeKubeconfig writes one user's way into the cluster, with the certificates
// embedded, readable by the owner only.
func writeKubeconfig(path, server, user string, ca []byte, client keyPair) error {
	const cluster = "sallyport-test"
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{
		ClientCertificateData: client.certificate,
		ClientKeyData:         client.key,
	}
	config.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = cluster
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("write the kubeconfig of %s: %w", user, err)
	}
	return nil
}
