package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"

	"volar/cmd/internal/uplink"
	"volar/firmware/provision"
	"volar/firmware/unit"
	"volar/wire/prov"
)

// What the device program is told, made anew from the unit's settings at
// every start: the settings are what lasts.
const (
	serviceDir      = "/run/service"
	configFile      = serviceDir + "/unit.toml"
	policyFile      = serviceDir + "/policy"
	calibrationFile = serviceDir + "/calibration.json"
)

// apply brings the unit into the state that it was provisioned to.
func (k *keeper) apply(p provision.Provisioned, secret []byte) error {
	served := unit.Unsealed
	if p.State == prov.Sealed {
		served = unit.Sealed
	}
	k.port.Store(uint32(served))
	if p.Settings != nil {
		if err := k.setNetwork(p.Settings.Network); err != nil {
			return err
		}
	}
	k.log.Info("provisioned", "state", p.State.String())
	if p.State != prov.Sealed || p.Settings == nil {
		k.palmd.halt()
		return nil
	}
	if err := writeService(p); err != nil {
		return err
	}
	args := []string{"-board", k.board.Name, "-state", stateDir, "-config", configFile, "-identity-fd", strconv.Itoa(identityFD)}
	if p.Calibration != nil {
		args = append(args, "-calibration", calibrationFile)
	}
	k.palmd.run(args, provision.IdentityKey(secret))
	return k.follow(p.Settings.Updates)
}

// writeService writes the files that the device program starts with. They
// hold no secret.
func writeService(p provision.Provisioned) error {
	s := p.Settings
	config := uplink.Config{
		Unit: s.Name, Tenant: s.Tenant, Host: s.Gateway, Credential: hex.EncodeToString(s.Credential),
		Operator: hex.EncodeToString(s.Operator[:]), Policy: policyFile, Development: s.Development,
	}
	text, err := config.Encode()
	if err != nil {
		return err
	}
	files := map[string][]byte{configFile: text, policyFile: s.Policy}
	if p.Calibration != nil {
		if files[calibrationFile], err = json.Marshal(p.Calibration); err != nil {
			return err
		}
	}
	err = os.MkdirAll(serviceDir, 0o755)
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(name, content, 0o644))
	}
	return err
}

// setNetwork gives the first interface the address of the settings, and keeps
// all of them up.
func (k *keeper) setNetwork(text string) error {
	n, err := unit.ParseNetwork(text)
	if err != nil {
		return err
	}
	k.network.set(n)
	return nil
}
