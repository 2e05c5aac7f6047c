package prov

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strconv"

	"volar/wire"
)

// MaxSettings bounds encoded settings, in bytes.
const MaxSettings = 24 << 10

// MaxPolicy bounds the signed policy in them, as package attest has it.
const MaxPolicy = 16 << 10

// Settings are what a unit is told once, together, and keeps.
type Settings struct {
	Name       string // the unit's, for people
	Site       string
	Tenant     string
	Gateway    string   // host:port
	Operator   [32]byte // Ed25519, as the ticket says
	Credential []byte   // wire.SignCredential of the unit's key, by the operator
	Policy     []byte   // which vaults the unit speaks to, signed by the operator
	Updates    string   // URL of bundles; empty: none is looked for
	WiFi       string   // name of the network; empty: a cable
	Password   string   // of the network: a secret
	Network    string   // a fixed address, in the unit's own words; empty: DHCP
	// ByDesign lets the unit work with its board's calibration, not measured.
	ByDesign bool
	// Waived are the self-tests that need not pass.
	Waived []string
	// Development lets the unit trust what proves nothing; only a unit whose
	// image is one for development takes it.
	Development bool
}

type settingsForm struct {
	_           struct{} `cbor:",toarray"`
	Version     uint8
	Name        string
	Site        string
	Tenant      string
	Gateway     string
	Operator    [32]byte
	Credential  []byte
	Policy      []byte
	Updates     string
	WiFi        string
	Password    string
	Network     string
	ByDesign    bool
	Waived      []string
	Development bool
}

// String hides the password.
func (s Settings) String() string { return fmt.Sprintf("settings of %q at %q", s.Name, s.Site) }

// GoString hides it too.
func (s Settings) GoString() string { return s.String() }

// Check refuses what no unit can be told. Whether the operator signed what
// stands in them is the unit's to find out.
func (s *Settings) Check() error {
	for _, t := range []struct {
		what, text string
		limit      int
		may        bool // be empty
	}{{"name", s.Name, 64, false}, {"site", s.Site, 64, false}, {"gateway", s.Gateway, 260, false}, {"updates", s.Updates, 200, true},
		{"wifi", s.WiFi, 32, true}, {"password", s.Password, 63, true}, {"network", s.Network, 120, true}} {
		if t.may && t.text == "" {
			continue
		}
		if err := checkText(t.what, t.text, t.limit); err != nil {
			return err
		}
	}
	if _, port, err := net.SplitHostPort(s.Gateway); err != nil {
		return fmt.Errorf("prov: gateway %q: %w", s.Gateway, err)
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("prov: gateway %q: port %q", s.Gateway, port)
	}
	switch {
	case s.Operator == [32]byte{}:
		return errors.New("prov: settings without an operator")
	case len(s.Credential) < 1 || len(s.Credential) > wire.MaxCredential:
		return fmt.Errorf("prov: certificate of %d bytes, 1 to %d", len(s.Credential), wire.MaxCredential)
	case len(s.Policy) < 1 || len(s.Policy) > MaxPolicy:
		return fmt.Errorf("prov: policy of %d bytes, 1 to %d", len(s.Policy), MaxPolicy)
	case len(s.Waived) > 16:
		return fmt.Errorf("prov: %d tests waived, at most 16", len(s.Waived))
	case s.Password != "" && s.WiFi == "":
		return errors.New("prov: a password without a network")
	}
	for _, w := range s.Waived {
		if err := checkText("waived test", w, 32); err != nil {
			return err
		}
	}
	return wire.CheckTenant(s.Tenant)
}

// Encode is the settings as they travel and are kept.
func (s *Settings) Encode() ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	return marshal(settingsForm{Version: Version, Name: s.Name, Site: s.Site, Tenant: s.Tenant, Gateway: s.Gateway, Operator: s.Operator,
		Credential: s.Credential, Policy: s.Policy, Updates: s.Updates, WiFi: s.WiFi, Password: s.Password, Network: s.Network, ByDesign: s.ByDesign, Waived: s.Waived, Development: s.Development}, MaxSettings)
}

// ParseSettings reads settings and checks them.
func ParseSettings(b []byte) (*Settings, error) {
	f, err := unmarshal[settingsForm](b, MaxSettings)
	if err != nil {
		return nil, err
	}
	if f.Version != Version {
		return nil, fmt.Errorf("%w: settings of version %d, this is %d", ErrForm, f.Version, Version)
	}
	s := &Settings{Name: f.Name, Site: f.Site, Tenant: f.Tenant, Gateway: f.Gateway, Operator: f.Operator, Credential: f.Credential, Policy: f.Policy,
		Updates: f.Updates, WiFi: f.WiFi, Password: f.Password, Network: f.Network, ByDesign: f.ByDesign, Waived: f.Waived, Development: f.Development}
	return s, s.Check()
}

// ProofNonce is what a unit's chip signs with PCR 8: the unit's key, and the
// session in which it is asked, so that the word is fresh and not another's.
//
//	SHA-256("volar/unit/1" || identity || binding || serial)
func ProofNonce(identity, binding [32]byte, serial string) [32]byte {
	b := append([]byte("volar/unit/1"), identity[:]...)
	return sha256.Sum256(append(append(b, binding[:]...), serial...))
}

// Prologue is what both sides of a session must have read in the clear alike.
func Prologue(serial string) []byte { return append([]byte("volar/serial/1"), serial...) }
