package chip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
)

const (
	headerSize = 10       // tag, size, code
	maxReply   = 16 << 10 // more than any reply to what is asked here
)

// errLost means that it is not known whether the chip did what it was told.
var errLost = errors.New("connection to the TPM lost")

// ErrBusy means that the chip asked to wait for longer than is waited.
var ErrBusy = errors.New("the TPM stays busy")

// steady carries commands to a chip, whole, and repeats those that the chip
// put off without having begun them.
type steady struct {
	transport.TPMCloser
	patience time.Duration // how long a command is repeated
}

// Send implements transport.TPM.
func (s *steady) Send(command []byte) ([]byte, error) {
	began := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		reply, err := s.TPMCloser.Send(command)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errLost, err)
		}
		if len(reply) < headerSize || binary.BigEndian.Uint32(reply[2:]) != uint32(len(reply)) {
			return nil, fmt.Errorf("%w: reply of %d bytes is not whole", errLost, len(reply))
		}
		rc := tpm2.TPMRC(binary.BigEndian.Uint32(reply[6:]))
		if !putOff(rc) {
			return reply, nil
		}
		if time.Since(began)+pause > s.patience {
			return nil, fmt.Errorf("%w: %w for %v", ErrBusy, rc, s.patience)
		}
		time.Sleep(pause)
	}
}

// putOff tells whether the chip has not begun a command and wants it again
// later. A chip keeps its sessions as they were, so the same bytes will do.
func putOff(rc tpm2.TPMRC) bool {
	switch rc {
	case tpm2.TPMRCRetry, tpm2.TPMRCYielded, tpm2.TPMRCTesting, tpm2.TPMRCNVRate:
		return true
	}
	return false
}

// dial opens a device file, or a socket of a TPM made of software. At first
// it waits for the socket: such a TPM may be about to come up.
func dial(path string, wait time.Duration) (transport.TPMCloser, error) {
	for end := time.Now().Add(wait); ; time.Sleep(5 * time.Millisecond) {
		st, err := os.Stat(path)
		switch {
		case err == nil && st.Mode()&fs.ModeSocket == 0:
			return linuxtpm.Open(path)
		case err == nil:
			var c net.Conn
			if c, err = socket(path).connect(); err == nil {
				c.Close()
				return socket(path), nil
			}
		}
		comes := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
		if !comes || time.Now().After(end) {
			return nil, err
		}
	}
}

const (
	socketComes = 3 * time.Second
	replyComes  = 60 * time.Second // making an RSA key takes its time
)

// socket is a TPM made of software: a connection for each command, as swtpm
// has one client at a time. go-tpm's linuxudstpm takes half a reply for a
// whole one and waits without end, hence this.
type socket string

// Send implements transport.TPM.
func (s socket) Send(command []byte) ([]byte, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(replyComes)); err != nil {
		return nil, err
	}
	if _, err := c.Write(command); err != nil {
		return nil, err
	}
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(c, header); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[2:])
	if size < headerSize || size > maxReply {
		return nil, fmt.Errorf("reply of %d bytes, %d to %d", size, headerSize, maxReply)
	}
	reply := append(header, make([]byte, size-headerSize)...)
	_, err = io.ReadFull(c, reply[headerSize:])
	return reply, err
}

// connect takes its turn: swtpm lets few wait.
func (s socket) connect() (net.Conn, error) {
	for end := time.Now().Add(replyComes); ; time.Sleep(time.Millisecond) {
		c, err := net.DialTimeout("unix", string(s), replyComes)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return c, err
		}
	}
}

// Close implements io.Closer.
func (socket) Close() error { return nil }
