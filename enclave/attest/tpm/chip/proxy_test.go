package chip

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"volar/enclave/attest/tpm/swtpm"
)

// fault is what happens to one command on its way.
type fault int

const (
	none      fault = iota
	lostAsk         // the connection dies before the TPM hears the command
	lostReply       // the TPM does it and nobody hears of it
	halfReply       // the connection dies in the middle of the reply
	rcRetry         // the TPM puts it off
	rcTesting
	rcRate
	rcLockout // the TPM refuses
	rcUnavailable
)

var faultNames = []string{"none", "lost command", "lost reply", "half a reply", "RETRY", "TESTING", "NV_RATE", "LOCKOUT", "NV_UNAVAILABLE"}

func (f fault) String() string { return faultNames[f] }

var faultCodes = map[fault]tpm2.TPMRC{rcRetry: tpm2.TPMRCRetry, rcTesting: tpm2.TPMRCTesting, rcRate: tpm2.TPMRCNVRate,
	rcLockout: tpm2.TPMRCLockout, rcUnavailable: tpm2.TPMRCNVUnavailable}

// proxy stands between a launcher and its TPM: it hears all, and does harm.
type proxy struct {
	path, to string
	mu       sync.Mutex
	heard    []byte // every byte, both ways
	count    int    // commands so far
	at       int    // which command meets the fault, 1 and up; 0: none
	times    int    // how often in a row
	what     fault
}

func newProxy(t testing.TB, b *board) *proxy {
	t.Helper()
	p := &proxy{path: filepath.Join(b.dir, "p"), to: swtpm.Socket(b.dir)}
	_ = os.Remove(p.path)
	l, err := net.Listen("unix", p.path)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.carry(c)
		}
	}()
	return p
}

// harm makes the command number at (1 is the next) meet a fault.
func (p *proxy) harm(at, times int, what fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count, p.at, p.times, p.what, p.heard = 0, at, times, what, nil
}

func (p *proxy) commands() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// next says what happens to the command that comes now.
func (p *proxy) next(command []byte) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	p.heard = append(p.heard, command...)
	if p.at == 0 || p.count < p.at || p.count >= p.at+p.times {
		return none
	}
	return p.what
}

func (p *proxy) carry(c net.Conn) {
	defer c.Close()
	command, err := message(c)
	if err != nil {
		return
	}
	what := p.next(command)
	if rc, ok := faultCodes[what]; ok {
		reply := []byte{0x80, 0x01, 0, 0, 0, 10}
		_, _ = c.Write(binary.BigEndian.AppendUint32(reply, uint32(rc)))
		return
	}
	if what == lostAsk {
		return
	}
	reply, err := socket(p.to).Send(command)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.heard = append(p.heard, reply...)
	p.mu.Unlock()
	switch what {
	case lostReply:
	case halfReply:
		_, _ = c.Write(reply[:len(reply)-1])
	default:
		_, _ = c.Write(reply)
	}
}

// message reads a command.
func message(c net.Conn) ([]byte, error) {
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(b[2:])
	if size < headerSize || size > maxReply {
		return nil, io.ErrUnexpectedEOF
	}
	b = append(b, make([]byte, size-headerSize)...)
	_, err := io.ReadFull(c, b[headerSize:])
	return b, err
}
