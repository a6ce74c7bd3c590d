package main

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"slices"
	"testing"
	"time"
)

func parseCertificate(t *testing.T, pair keyPair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(pair.certificate)
	if block == nil {
		t.Fatal("not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func issued(t *testing.T, template *x509.Certificate, now time.Time) (*x509.Certificate, *x509.CertPool) {
	t.Helper()
	ca, err := newAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.issue(template, now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.parsed)
	return parseCertificate(t, pair), roots
}

func TestAPIServerCertificateHoldsForEveryWayToReachIt(t *testing.T) {
	now := time.Now()
	certificate, roots := issued(t, apiServerTemplate(net.ParseIP("192.0.2.1")), now)
	for _, name := range []string{"127.0.0.1", "10.0.0.1", "192.0.2.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"} {
		options := x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if _, err := certificate.Verify(options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := certificate.VerifyHostname("example.com"); err == nil {
		t.Error("the certificate holds for a foreign name")
	}
}

func TestClientCertificateNamesUserAndGroups(t *testing.T) {
	cases := []struct {
		template *x509.Certificate
		user     string
		groups   []string
	}{
		{clientTemplate("admin", "system:masters"), "admin", []string{"system:masters"}},
		{clientTemplate("system:kube-scheduler"), "system:kube-scheduler", nil},
		{nodeTemplate("node-1"), "system:node:node-1", []string{"system:nodes"}},
	}
	for _, one := range cases {
		now := time.Now()
		certificate, roots := issued(t, one.template, now)
		if certificate.Subject.CommonName != one.user || !slices.Equal(certificate.Subject.Organization, one.groups) {
			t.Errorf("got %s, want user %s and groups %v", certificate.Subject, one.user, one.groups)
		}
		client := x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := certificate.Verify(client); err != nil {
			t.Errorf("%s as a client: %v", one.user, err)
		}
		server := x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if _, err := certificate.Verify(server); err == nil {
			t.Errorf("%s may act as a server", one.user)
		}
	}
}
