package unit

import (
	"fmt"
	"net/netip"
	"strings"
)

// Network is how a unit gets its address: by DHCP, or the one that it was
// told.
type Network struct {
	Address netip.Prefix // invalid: by DHCP
	Gateway netip.Addr   // invalid: none
	DNS     netip.Addr   // invalid: none
}

// DHCP tells whether an address is asked for.
func (n Network) DHCP() bool { return !n.Address.IsValid() }

// ParseNetwork reads "" or "dhcp", or "192.168.7.20/24 gateway 192.168.7.1 dns
// 192.168.7.1", where gateway and dns may be missing.
func ParseNetwork(s string) (n Network, err error) {
	words := strings.Fields(s)
	if len(words) == 0 || len(words) == 1 && words[0] == "dhcp" {
		return Network{}, nil
	}
	if n.Address, err = netip.ParsePrefix(words[0]); err != nil || !n.Address.Addr().Is4() {
		return Network{}, fmt.Errorf("unit: network: %q is no IPv4 address with its prefix, such as 192.168.7.20/24", words[0])
	}
	for words = words[1:]; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return Network{}, fmt.Errorf("unit: network: nothing behind %q", words[0])
		}
		a, err := netip.ParseAddr(words[1])
		switch {
		case err != nil || !a.Is4():
			return Network{}, fmt.Errorf("unit: network: %q is no IPv4 address", words[1])
		case words[0] == "gateway" && !n.Gateway.IsValid() && n.Address.Contains(a):
			n.Gateway = a
		case words[0] == "gateway" && !n.Gateway.IsValid():
			return Network{}, fmt.Errorf("unit: network: gateway %v is not in %v", a, n.Address.Masked())
		case words[0] == "dns" && !n.DNS.IsValid():
			n.DNS = a
		default:
			return Network{}, fmt.Errorf("unit: network: %q, allowed are gateway and dns, each once", words[0])
		}
	}
	return n, nil
}

// String is what ParseNetwork reads.
func (n Network) String() string {
	if n.DHCP() {
		return "dhcp"
	}
	s := n.Address.String()
	if n.Gateway.IsValid() {
		s += " gateway " + n.Gateway.String()
	}
	if n.DNS.IsValid() {
		s += " dns " + n.DNS.String()
	}
	return s
}
