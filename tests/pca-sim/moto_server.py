"""moto's AWS Private CA with one active root CA, for as long as standard input is open."""

import json
import logging
import sys

import boto3
from moto.acmpca.models import CertificateAuthority
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"


def cache_ca_key():
    """moto decrypts and checks the CA's RSA key for every certificate, 50 ms each: do it once."""
    read = CertificateAuthority.key.fget

    def key(self):
        if not hasattr(self, "_cached_key"):
            self._cached_key = read(self)
        return self._cached_key

    CertificateAuthority.key = property(key)


def active_root_ca(endpoint):
    pca = boto3.client(
        "acm-pca",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    arn = pca.create_certificate_authority(
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": "RSA_2048",
            "SigningAlgorithm": "SHA256WITHRSA",
            "Subject": {"Organization": "moto", "CommonName": "moto root CA"},
        },
        CertificateAuthorityType="ROOT",
    )["CertificateAuthorityArn"]
    csr = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    certificate = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=csr.encode(),
        SigningAlgorithm="SHA256WITHRSA",
        TemplateArn="arn:aws:acm-pca:::template/RootCACertificate/V1",
        Validity={"Value": 3650, "Type": "DAYS"},
    )["CertificateArn"]
    pem = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate)["Certificate"]
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=pem.encode())
    return arn


def main():
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    cache_ca_key()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    print(json.dumps({"endpoint": endpoint, "ca_arn": active_root_ca(endpoint)}), flush=True)
    sys.stdin.read()
    server.stop()


main()
