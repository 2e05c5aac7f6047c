package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"

	"volar/enclave/attest"
	"volar/firmware/image"
	"volar/firmware/provision"
	"volar/wire/link"
	"volar/wire/prov"
)

const maxPlan = 256 << 10

// planFile is a provisioning plan, in TOML. Paths are taken from its folder on.
type planFile struct {
	Site        string   `toml:"site"`
	Tenant      string   `toml:"tenant"`
	Gateway     string   `toml:"gateway"`
	Policy      string   `toml:"policy"`           // file, signed by the operator
	OperatorKey string   `toml:"operator_key"`     // file: signs the units' certificates
	Days        int      `toml:"certificate_days"` // how long they are valid
	Technician  string   `toml:"technician_key"`   // file
	Tickets     string   `toml:"tickets"`          // folder with SERIAL.ticket
	Makers      string   `toml:"makers"`           // file: certificates of makers of TPMs, PEM
	Firmware    []string `toml:"firmware"`         // PCR 8 of the firmware that is accepted, hex
	Images      []string `toml:"images"`           // or: folders of images that are accepted
	ReleaseKey  string   `toml:"release_key"`      // file: who must have signed the images' manifests
	Calibration string   `toml:"calibration"`      // "measure" or "design"
	Waive       []string `toml:"waive"`
	Updates     string   `toml:"updates"`
	WiFi        string   `toml:"wifi"`
	Password    string   `toml:"wifi_password_file"`
	Report      string   `toml:"report"` // folder
	Development bool     `toml:"development"`
	Units       []struct {
		Serial  string `toml:"serial"`
		Name    string `toml:"name"`
		Network string `toml:"network"` // fixed address
	} `toml:"units"`
}

// plan is a plan whose files were read.
type plan struct {
	planFile
	dir      string
	policy   []byte
	operator ed25519.PrivateKey
	key      *link.Key
	makers   *x509.CertPool // nil: none
	firmware [][32]byte     // empty: any
	password string
}

// in is a path of the plan.
func (p *plan) in(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(p.dir, path)
}

// readPlan reads a plan and every file that it names, so that what is missing
// is found before a cable is plugged in.
func readPlan(path string) (*plan, error) {
	b, err := readFile("plan", path, maxPlan)
	if err != nil {
		return nil, err
	}
	p := &plan{dir: filepath.Dir(path)}
	meta, err := toml.NewDecoder(bytes.NewReader(b)).Decode(&p.planFile)
	if err == nil && len(meta.Undecoded()) > 0 {
		err = fmt.Errorf("unknown key %q", meta.Undecoded()[0].String())
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, usage(fmt.Errorf("plan: %s: %w", path, err), "see the example in firmware/provision/README.md")
	}
	return p, p.read()
}

func (p *plan) check() error {
	for _, f := range []struct{ name, value string }{{"site", p.Site}, {"tenant", p.Tenant}, {"gateway", p.Gateway}, {"policy", p.Policy},
		{"operator_key", p.OperatorKey}, {"technician_key", p.Technician}, {"tickets", p.Tickets}, {"report", p.Report}} {
		if f.value == "" {
			return fmt.Errorf("%s is missing", f.name)
		}
	}
	switch {
	case p.Days < 1 || p.Days > 3650:
		return fmt.Errorf("certificate_days: %d, 1 to 3650", p.Days)
	case p.Calibration != "measure" && p.Calibration != "design":
		return fmt.Errorf("calibration: %q, \"measure\" or \"design\"", p.Calibration)
	case len(p.Units) == 0:
		return errors.New("no [[units]]")
	case p.Makers == "" && !p.Development:
		return errors.New("makers is missing: without it nothing vouches for a unit's TPM, which is for development alone")
	case len(p.Firmware)+len(p.Images) == 0 && !p.Development:
		return errors.New("images are missing: without them any firmware is accepted, which is for development alone")
	case len(p.Images) > 0 && p.ReleaseKey == "":
		return errors.New("release_key is missing: it says whose images are accepted")
	}
	seen := map[string]bool{}
	for _, u := range p.Units {
		if err := prov.CheckSerial(u.Serial); err != nil {
			return fmt.Errorf("units: %w", err)
		}
		if u.Name == "" || seen[u.Serial] || seen["name "+u.Name] {
			return fmt.Errorf("units: %s without a name, or there twice", u.Serial)
		}
		seen[u.Serial], seen["name "+u.Name] = true, true
	}
	for _, w := range p.Waive {
		if !slices.Contains(provision.Tests, w) {
			return fmt.Errorf("waive: no test %q, there are %q", w, provision.Tests)
		}
	}
	return nil
}

// read reads the files.
func (p *plan) read() (err error) {
	if p.policy, err = readFile("policy", p.in(p.Policy), attest.MaxPolicy); err != nil {
		return err
	}
	if p.operator, err = operatorKey(p.in(p.OperatorKey)); err != nil {
		return err
	}
	policy, err := attest.OpenPolicy(p.policy, p.operator.Public().(ed25519.PublicKey))
	if err == nil && policy.Tenant != p.Tenant {
		err = fmt.Errorf("policy: of tenant %s, the plan is for %s", policy.Tenant, p.Tenant)
	}
	if err != nil {
		return usage(err, "policy and operator_key must be those of the plan's tenant")
	}
	if p.key, err = technicianKey(p.in(p.Technician)); err != nil {
		return err
	}
	if p.Password != "" {
		b, err := readFile("password", p.in(p.Password), 128)
		if err != nil {
			return err
		}
		p.password = string(bytes.TrimRight(b, "\r\n"))
	}
	if p.Makers != "" {
		b, err := readFile("makers' certificates", p.in(p.Makers), maxRoots)
		if err != nil {
			return err
		}
		p.makers = x509.NewCertPool()
		if !p.makers.AppendCertsFromPEM(b) {
			return usage(fmt.Errorf("makers: %s holds no certificate", p.Makers), "give the roots of the makers of your TPMs, PEM")
		}
	}
	return p.readFirmware()
}

// readFirmware reads which firmware is accepted.
func (p *plan) readFirmware() error {
	for _, h := range p.Firmware {
		b, err := hex.DecodeString(h)
		if err != nil || len(b) != 32 {
			return usage(fmt.Errorf("firmware: %q is not 64 hex digits", h), "it is pcr8 in the image's manifest.json")
		}
		p.firmware = append(p.firmware, [32]byte(b))
	}
	if len(p.Images) == 0 {
		return nil
	}
	public, err := image.ReadPublic(p.in(p.ReleaseKey))
	if err != nil {
		return usage(err, "give release_key the public.pem of who builds the images")
	}
	for _, folder := range p.Images {
		m, err := image.ReadManifest(p.in(folder), public.Release)
		if err != nil {
			return hint(err, "images are folders as 'palmctl image build' makes them, signed by release_key")
		}
		b, err := hex.DecodeString(m.PCR8)
		if err != nil || len(b) != 32 {
			return fmt.Errorf("images: %s: PCR 8 %q", folder, m.PCR8)
		}
		p.firmware = append(p.firmware, [32]byte(b))
	}
	return nil
}

// unit is the plan's entry for a serial number.
func (p *plan) unit(serial string) (name, network string, err error) {
	for _, u := range p.Units {
		if u.Serial == serial {
			return u.Name, u.Network, nil
		}
	}
	return "", "", usage(fmt.Errorf("unit %s is not in the plan", serial), "add it to [[units]], or plug in another one")
}

// ticket is the one for a unit.
func (p *plan) ticket(serial string) ([]byte, error) {
	path := filepath.Join(p.in(p.Tickets), serial+".ticket")
	b, err := readFile("ticket", path, prov.MaxTicket)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage(fmt.Errorf("no ticket for unit %s at %s", serial, path), "ask the authority: palmctl ticket sign --unit %s …", serial)
	}
	return b, err
}
