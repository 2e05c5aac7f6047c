// Package gateway carries frames between many devices and the one vault, and
// the vault's blobs to and from the store. It belongs to the untrusted host:
// it can read nothing of what it carries, and nothing that it does can make
// the vault or a device believe something false. What it owes is order,
// bounded memory, and honest ends: whatever cannot be carried any more is
// closed at once, never held.
//
//	devices ──u16 frames──▶ conn ─┐
//	                        conn ─┼─▶ link ──Envelopes──▶ vault
//	                        conn ─┘                        │
//	                                  store ◀──BlobRequests┘
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Config is what a gateway needs; all of it must be set.
type Config struct {
	Launch  Launch
	Store   Store
	Limits  Limits
	Log     *slog.Logger
	Metrics *Metrics
}

// Gateway is a running vault with its door open to devices.
type Gateway struct {
	cfg     Config
	stop    chan struct{} // closed when the vault shall end for good
	stopped chan struct{} // closed when it has ended
	conns   sync.WaitGroup

	mu      sync.Mutex
	link    *link // of the running vault; nil while there is none
	session uint64
	open    int
	sources map[netip.Prefix]int // open connections of an address
}

// Start launches the vault. An error means that it could not be started at
// all; later failures are met by starting it again.
func Start(cfg Config) (*Gateway, error) {
	if cfg.Launch == nil || cfg.Store == nil || cfg.Log == nil || cfg.Metrics == nil {
		return nil, errors.New("gateway: start: launch, store, log and metrics must be set")
	}
	if err := cfg.Limits.check(); err != nil {
		return nil, fmt.Errorf("gateway: start: %w", err)
	}
	v, err := cfg.Launch()
	if err != nil {
		return nil, fmt.Errorf("gateway: start the vault: %w", err)
	}
	g := &Gateway{cfg: cfg, stop: make(chan struct{}), stopped: make(chan struct{}), sources: map[netip.Prefix]int{}}
	l := g.adopt(v)
	go g.supervise(v, l)
	return g, nil
}

// Serve accepts devices until ctx is done or the listener fails. Then it
// closes the listener, gives running waves their time, closes every
// connection, and ends the vault, which may still use the store until it is gone.
func (g *Gateway) Serve(ctx context.Context, ln net.Listener) error {
	accepting := make(chan error, 1)
	go func() { accepting <- g.accept(ln) }()
	var err error
	select {
	case <-ctx.Done():
		ln.Close()
		<-accepting
	case err = <-accepting:
		ln.Close()
	}
	g.drain()
	close(g.stop)
	<-g.stopped
	if err != nil {
		return fmt.Errorf("gateway: accept: %w", err)
	}
	return nil
}

// accept takes connections until the listener is closed. Passing trouble, such
// as no free file descriptor, is waited out.
func (g *Gateway) accept(ln net.Listener) error {
	refusals := refusals{log: g.cfg.Log}
	for pause := time.Duration(0); ; {
		c, err := ln.Accept()
		var passing interface{ Temporary() bool }
		switch {
		case err == nil:
			pause = 0
		case errors.As(err, &passing) && passing.Temporary():
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			g.cfg.Log.Warn("accepting is paused", "for", pause, "cause", err)
			time.Sleep(pause)
			continue
		default:
			return err
		}
		if reason := g.admit(c); reason != "" {
			c.Close() // before a byte: nothing that a device could take for a vault's word
			g.cfg.Metrics.refused.WithLabelValues(reason).Inc()
			refusals.note(reason)
		}
	}
}

// admit begins to serve a connection, or says why it is refused.
func (g *Gateway) admit(nc net.Conn) (refused string) {
	source := sourceOf(nc)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.link == nil:
		return refuseVault
	case g.open >= g.cfg.Limits.Connections:
		return refuseFull
	case g.sources[source] >= g.cfg.Limits.PerAddress:
		return refuseAddress
	}
	g.session++ // from 1, never used twice
	c := newConn(g.session, nc, g.link, g.cfg.Limits, g.cfg.Metrics)
	if !g.link.add(c) {
		return refuseVault
	}
	g.open++
	g.sources[source]++
	g.cfg.Metrics.accepted.Inc()
	g.cfg.Metrics.connections.Inc()
	g.conns.Go(func() {
		c.serve()
		g.release(c, source)
	})
	return ""
}

func (g *Gateway) release(c *conn, source netip.Prefix) {
	g.mu.Lock()
	g.open--
	if g.sources[source]--; g.sources[source] == 0 {
		delete(g.sources, source)
	}
	g.mu.Unlock()
	g.cfg.Metrics.connections.Dec()
	g.cfg.Metrics.closed.WithLabelValues(c.reason).Inc()
}

// drain waits for running waves, within the limit, and then ends every connection.
func (g *Gateway) drain() {
	all := make(chan struct{})
	go func() { g.conns.Wait(); close(all) }()
	enough := time.NewTimer(g.cfg.Limits.Drain)
	defer enough.Stop()
	look := time.NewTicker(g.cfg.Limits.Quiet / 10)
	defer look.Stop()
	for {
		select {
		case <-all:
			return
		case <-look.C:
			g.eachConn(func(c *conn) {
				if c.quiet() {
					c.end(endShutdown)
				}
			})
		case <-enough.C:
			g.eachConn(func(c *conn) { c.end(endShutdown) })
			<-all
			return
		}
	}
}

func (g *Gateway) eachConn(f func(*conn)) {
	g.mu.Lock()
	l := g.link
	g.mu.Unlock()
	if l != nil {
		l.each(f)
	}
}

// sourceOf is whose connection this is, for counting: an IPv4 address, or the
// /64 network that one IPv6 customer is given.
func sourceOf(c net.Conn) netip.Prefix {
	addr, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := addr.AddrPort().Addr().Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// refusals logs that connections are refused without a line for each.
type refusals struct {
	log   *slog.Logger
	count int
	last  time.Time
}

const refusalsEvery = 10 * time.Second

func (r *refusals) note(reason string) {
	r.count++
	if now := time.Now(); now.Sub(r.last) >= refusalsEvery {
		r.log.Warn("connections refused", "latest", reason, "count", r.count)
		r.count, r.last = 0, now
	}
}
