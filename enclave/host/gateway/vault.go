package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Vault is a vault that has been started, seen from the host.
type Vault struct {
	Sessions net.Conn        // Envelopes, both ways
	Blobs    net.Conn        // BlobRequests from it, BlobReplies to it
	Done     <-chan struct{} // closed once its process is gone
	Kill     func()          // ends it at once; Done follows
	Err      func() error    // after Done: how it ended
}

// Launch starts a vault. It does not wait until the vault is ready: frames
// wait on its links.
type Launch func() (*Vault, error)

var (
	errEnded    = errors.New("process ended")
	errSessions = errors.New("session link closed")
	errBlobs    = errors.New("blob link closed")
)

// adopt makes v the vault that new connections go to.
func (g *Gateway) adopt(v *Vault) *link {
	l := newLink(v.Sessions, g.cfg.Limits.Stall, g.cfg.Metrics)
	g.mu.Lock()
	g.link = l
	g.mu.Unlock()
	g.cfg.Metrics.vaultUp.Set(1)
	g.cfg.Log.Info("vault started")
	return l
}

// supervise keeps a vault running until the gateway stops.
func (g *Gateway) supervise(v *Vault, l *link) {
	defer close(g.stopped)
	wait := backoff{least: g.cfg.Limits.BackoffLeast, most: g.cfg.Limits.BackoffMost}
	for {
		began := time.Now()
		cause := g.attend(v, l)
		if errors.Is(cause, errStopping) {
			g.cfg.Log.Info("vault ended")
			return
		}
		if time.Since(began) >= g.cfg.Limits.Settled {
			wait.reset()
		}
		pause := wait.next()
		g.cfg.Log.Error("vault is gone", "cause", cause, "restart_in", pause)
		if v = g.relaunch(&wait, pause); v == nil {
			return
		}
		l = g.adopt(v)
	}
}

// relaunch tries until a vault has started; nil means that the gateway stops.
func (g *Gateway) relaunch(wait *backoff, pause time.Duration) *Vault {
	for {
		select {
		case <-g.stop:
			return nil
		case <-time.After(pause):
		}
		g.cfg.Metrics.restarts.Inc()
		v, err := g.cfg.Launch()
		if err == nil {
			return v
		}
		pause = wait.next()
		g.cfg.Log.Error("vault did not start", "cause", err, "restart_in", pause)
	}
}

// attend serves one vault until it is gone, and says why. The sessions end
// first; the blobs are served to the last, so that a vault that is ending can
// finish what it has begun to store.
func (g *Gateway) attend(v *Vault, l *link) error {
	blobs := make(chan struct{})
	go func() {
		defer close(blobs)
		err := serveBlobs(v.Blobs, g.cfg.Store, g.cfg.Metrics, g.cfg.Log, l.progress)
		l.fail(ended(errBlobs, err))
	}()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-v.Done:
			l.fail(errEnded)
		case <-g.stop:
			l.fail(errStopping)
		case <-l.done:
		}
	}()
	l.run()
	g.mu.Lock()
	g.link = nil
	g.mu.Unlock()
	g.cfg.Metrics.vaultUp.Set(0)
	<-watched
	g.dismiss(v)
	v.Blobs.Close()
	<-blobs
	return l.why(v)
}

// dismiss waits for a vault whose session link is closed to end by itself,
// and kills it when it does not.
func (g *Gateway) dismiss(v *Vault) {
	patience := time.NewTimer(g.cfg.Limits.Stop)
	defer patience.Stop()
	select {
	case <-v.Done:
	case <-patience.C:
		g.cfg.Log.Warn("vault did not end in time and is killed", "after", g.cfg.Limits.Stop)
		v.Kill()
		<-v.Done
	}
}

// why joins what was seen on the links with how the process ended.
func (l *link) why(v *Vault) error {
	if err := v.Err(); err != nil && !errors.Is(l.cause, errStopping) {
		return fmt.Errorf("%w: %w", l.cause, err)
	}
	return l.cause
}

// ended says which link is over, and why unless it was simply closed.
func ended(which, cause error) error {
	if errors.Is(cause, io.EOF) {
		return which
	}
	return fmt.Errorf("%w: %w", which, cause)
}

// backoff doubles a pause from least to most.
type backoff struct {
	least, most time.Duration
	pause       time.Duration
}

func (b *backoff) next() time.Duration {
	b.pause = min(max(2*b.pause, b.least), b.most)
	return b.pause
}

func (b *backoff) reset() { b.pause = 0 }
