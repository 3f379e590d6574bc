"""Checks deploy/ and k8s/ offline, against Kubernetes' schemas and against the code they start."""
