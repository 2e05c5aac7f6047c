package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"

	"volar/firmware/unit"
)

const resolvConf = "/run/resolv.conf" // where the root's /etc/resolv.conf points

// address is how an interface speaks: an address and its way out.
type address struct {
	net    *net.IPNet
	router net.IP   // nil: no way out
	dns    []net.IP // in order
}

// linkUp brings an interface up once it is there.
func linkUp(name string) (netlink.Link, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("network: %s: %w", name, err)
	}
	return l, netlink.LinkSetUp(l)
}

// apply replaces what the interface has.
func (a address) apply(l netlink.Link) error {
	if err := netlink.AddrReplace(l, &netlink.Addr{IPNet: a.net}); err != nil {
		return fmt.Errorf("network: address %v: %w", a.net, err)
	}
	if a.router != nil {
		route := &netlink.Route{LinkIndex: l.Attrs().Index, Gw: a.router, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}}
		if err := netlink.RouteReplace(route); err != nil {
			return fmt.Errorf("network: route by %v: %w", a.router, err)
		}
	}
	var b strings.Builder
	for _, d := range a.dns {
		fmt.Fprintf(&b, "nameserver %v\n", d)
	}
	return os.WriteFile(resolvConf, []byte(b.String()), 0o644)
}

// fixed gives the interface the address that the unit was told.
func fixed(name string, n unit.Network) error {
	l, err := linkUp(name)
	if err != nil {
		return err
	}
	a := address{net: &net.IPNet{IP: n.Address.Addr().AsSlice(), Mask: net.CIDRMask(n.Address.Bits(), 32)}}
	if n.Gateway.IsValid() {
		a.router = n.Gateway.AsSlice()
	}
	if n.DNS.IsValid() {
		a.dns = []net.IP{n.DNS.AsSlice()}
	}
	return a.apply(l)
}

// networks keeps the board's interfaces up.
type networks struct {
	names []string
	log   *slog.Logger

	mu   sync.Mutex
	now  unit.Network
	stop context.CancelFunc
}

// set says how the first interface gets its address; the others ask for
// theirs. Nothing happens where that is so already.
func (n *networks) set(how unit.Network) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop != nil {
		if n.now == how {
			return
		}
		n.stop()
	}
	ctx, stop := context.WithCancel(context.Background())
	n.now, n.stop = how, stop
	for i, name := range n.names {
		if i == 0 && !how.DHCP() {
			if err := fixed(name, how); err != nil {
				n.log.Warn(err.Error(), "interface", name)
			}
			continue
		}
		go n.ask(ctx, name)
	}
}

// ask holds an interface up with DHCP (RFC 2131) until ctx ends: it asks, and
// asks again at half of each lease.
func (n *networks) ask(ctx context.Context, name string) {
	wait := time.Second
	for ctx.Err() == nil {
		again, err := lease(ctx, name, n.log)
		if err != nil {
			n.log.Warn("network: "+err.Error(), "interface", name)
			again, wait = wait, min(2*wait, time.Minute)
		} else {
			wait = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// lease gets and applies one lease, and says when to ask again.
func lease(ctx context.Context, name string, log *slog.Logger) (time.Duration, error) {
	l, err := linkUp(name)
	if err != nil {
		return 0, err
	}
	c, err := nclient4.New(name, nclient4.WithTimeout(2*time.Second), nclient4.WithRetry(3))
	if err != nil {
		return 0, fmt.Errorf("dhcp: %w", err)
	}
	defer c.Close()
	got, err := c.Request(ctx)
	if err != nil {
		return 0, fmt.Errorf("dhcp: %w", err)
	}
	a := leased(got.ACK)
	if err := a.apply(l); err != nil {
		return 0, err
	}
	log.Info("network is up", "interface", name, "address", a.net.String())
	return max(got.ACK.IPAddressLeaseTime(time.Hour)/2, time.Minute), nil
}

func leased(ack *dhcpv4.DHCPv4) address {
	a := address{net: &net.IPNet{IP: ack.YourIPAddr, Mask: ack.SubnetMask()}, dns: ack.DNS()}
	if a.net.Mask == nil {
		a.net.Mask = ack.YourIPAddr.DefaultMask()
	}
	if r := ack.Router(); len(r) > 0 {
		a.router = r[0]
	}
	return a
}
