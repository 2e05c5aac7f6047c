package vault

// ForgetRefusals lifts every limit, for tests of what holds without them.
func (v *Vault) ForgetRefusals() {
	v.limits.mu.Lock()
	defer v.limits.mu.Unlock()
	v.limits.rows, v.limits.persons, v.limits.devices, v.limits.tenants = nil, nil, nil, nil
}
