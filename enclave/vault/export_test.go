package vault

import "volar/wire"

// ForgetRefusals lifts every limit, for tests of what holds without them.
func (v *Vault) ForgetRefusals() {
	v.limits.mu.Lock()
	defer v.limits.mu.Unlock()
	v.limits.rows, v.limits.persons, v.limits.devices, v.limits.tenants = nil, nil, nil, nil
}

// Refuse uses up a device's tries, and of one person there.
func (v *Vault) Refuse(tenant string, device [32]byte, person wire.Person) {
	for range deviceBurst {
		v.limits.note(claim{tenant, device, person}, false)
	}
}

// BelieveDevices takes the judgement of life away, for tests of everything
// else, whose palms are lines on a ground: they live if the first level of
// their proof is zero.
func (v *Vault) BelieveDevices() {
	v.alive = func(m *wire.Sample) bool { return m.Proof.Levels[0] == 0 }
}
