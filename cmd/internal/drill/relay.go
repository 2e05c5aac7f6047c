package drill

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// relay gives a host that comes and goes one address.
type relay struct {
	listener net.Listener
	to       atomic.Value // string

	mu    sync.Mutex
	conns map[net.Conn]bool
	done  sync.WaitGroup
}

func newRelay() (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, conns: map[net.Conn]bool{}}
	r.done.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			r.done.Go(func() { r.carry(in) })
		}
	})
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", r.to.Load().(string))
	if err != nil {
		return
	}
	defer out.Close()
	defer r.keep(in)()
	back := make(chan struct{})
	go func() {
		defer close(back)
		io.Copy(in, out)
		in.Close()
	}()
	io.Copy(out, in)
	out.Close()
	<-back
}

// keep notes a connection, so that close can end it.
func (r *relay) keep(c net.Conn) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.conns, c)
	}
}

// close ends the relay with all that it carries.
func (r *relay) close() {
	r.listener.Close()
	r.mu.Lock()
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.done.Wait()
}
