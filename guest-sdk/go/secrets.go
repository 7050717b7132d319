package sluice

// ReadSecret is the secret of this name, if the step declares it as readable. Those that only go into headers of requests are never here.
func ReadSecret(name string) (string, error) {
	secret, err := readSecret(name)
	return secret, err.of("secret `%s`", name)
}
