// The certificates of a cluster: what they say, and the CA that signs them.

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// pkiLifetime is how long every certificate of a test cluster is valid.
const pkiLifetime = 30 * 24 * time.Hour

// serviceAddress is the first address of serviceRange; the API server gives it
// to the Service `kubernetes`.
const (
	serviceRange   = "10.0.0.0/24"
	serviceAddress = "10.0.0.1"
)

// keyPair is a certificate and its private key, both PEM.
type keyPair struct {
	certificate []byte
	key         []byte
}

// authority is the one CA of a cluster; it signs servers and clients.
type authority struct {
	pair   keyPair
	parsed *x509.Certificate
	signer *ecdsa.PrivateKey
}

// apiServerTemplate is what the API server's certificate says: every name and
// address by which a client reaches it; node may be nil.
func apiServerTemplate(node net.IP) *x509.Certificate {
	addresses := []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP(serviceAddress)}
	if node != nil {
		addresses = append(addresses, node)
	}
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{
			"localhost",
			"kubernetes",
			"kubernetes.default",
			"kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local",
		},
		IPAddresses: addresses,
	}
}

// kubeletTemplate is what a kubelet serves logs and exec with.
func kubeletTemplate(node net.IP) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kubelet"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{node},
	}
}

// clientTemplate is a client certificate: Kubernetes reads the user from CN and
// its groups from O (https://kubernetes.io/docs/reference/access-authn-authz/authentication/).
func clientTemplate(user string, groups ...string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// nodeTemplate is the client certificate of a kubelet, as the Node authorizer
// wants it (https://kubernetes.io/docs/reference/access-authn-authz/node/).
func nodeTemplate(name string) *x509.Certificate {
	return clientTemplate("system:node:"+name, "system:nodes")
}

// newAuthority makes a self-signed CA valid from an hour before now.
func newAuthority(now time.Time) (*authority, error) {
	signer, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "sallyport test cluster CA"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	pair, err := sign(template, template, signer, signer, now)
	if err != nil {
		return nil, fmt.Errorf("make the cluster CA: %w", err)
	}
	block, _ := pem.Decode(pair.certificate)
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read back the cluster CA: %w", err)
	}
	return &authority{pair: pair, parsed: parsed, signer: signer}, nil
}

// issue signs a fresh key with what the template says.
func (a *authority) issue(template *x509.Certificate, now time.Time) (keyPair, error) {
	key, err := newKey()
	if err != nil {
		return keyPair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	pair, err := sign(template, a.parsed, key, a.signer, now)
	if err != nil {
		return keyPair{}, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return pair, nil
}

// newServiceAccountKeys makes the pair that signs and proves service account
// tokens; the public half stands in the certificate field as a PUBLIC KEY block.
func newServiceAccountKeys() (keyPair, error) {
	key, err := newKey()
	if err != nil {
		return keyPair{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return keyPair{}, fmt.Errorf("encode the service account key: %w", err)
	}
	private, err := encodeKey(key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{certificate: pemBlock("PUBLIC KEY", public), key: private}, nil
}

func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey, now time.Time) (keyPair, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return keyPair{}, fmt.Errorf("choose a serial number: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = now.Add(-time.Hour)
	template.NotAfter = now.Add(pkiLifetime)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return keyPair{}, err
	}
	private, err := encodeKey(key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{certificate: pemBlock("CERTIFICATE", der), key: private}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pemBlock("EC PRIVATE KEY", der), nil
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// write puts the pair into folder as NAME.crt and NAME.key, readable by the
// owner only.
func (p keyPair) write(folder, name string) error {
	files := map[string][]byte{name + ".crt": p.certificate, name + ".key": p.key}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(folder, file), content, 0o600); err != nil {
			return fmt.Errorf("write a certificate: %w", err)
		}
	}
	return nil
}
