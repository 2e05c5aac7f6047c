package nitro

import (
	"context"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"volar/enclave/attest"
	"volar/wire/canonical"
)

// Device is where an enclave's kernel offers the Nitro Secure Module.
const Device = "/dev/nsm"

// maxReply is the longest reply of the module, in bytes (nsm-api, NSM_RESPONSE_MAX_SIZE).
const maxReply = 0x3000

// Attester asks the Nitro Secure Module of the enclave that it runs in.
type Attester struct {
	ledger *attest.Ledger
	ask    func(request []byte) (reply []byte, err error)
}

var _ attest.Attester = (*Attester)(nil)

// NewAttester vouches for what the ledger says, by the module at Device.
func NewAttester(ledger *attest.Ledger) *Attester {
	return &Attester{ledger, func(request []byte) ([]byte, error) { return transact(Device, request) }}
}

// request is {"Attestation": {…}} of the module's interface; what is not
// given is null.
type request struct {
	Attestation struct {
		UserData  []byte  `cbor:"user_data"`
		Nonce     *[]byte `cbor:"nonce"`
		PublicKey *[]byte `cbor:"public_key"`
	} `cbor:"Attestation"`
}

// reply is {"Attestation": {"document": …}} or {"Error": name}.
type reply struct {
	Attestation struct {
		Document []byte `cbor:"document"`
	} `cbor:"Attestation"`
	Error string `cbor:"Error"`
}

var encoder = canonical.New(4, 16)

// Evidence implements attest.Attester.
func (a *Attester) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	e, err := a.evidence(ctx, reportData)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("nitro: evidence: %w", err)
	}
	return e, nil
}

func (a *Attester) evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	field, log, err := a.ledger.Statement(reportData)
	if err != nil {
		return attest.Evidence{}, err
	}
	var q request
	q.Attestation.UserData = field[:]
	b, err := encoder.Marshal(q)
	if err != nil {
		return attest.Evidence{}, err
	}
	if b, err = a.ask(b); err != nil {
		return attest.Evidence{}, err
	}
	var r reply
	if err := codec.Unmarshal(b, &r); err != nil {
		return attest.Evidence{}, fmt.Errorf("reply of the module: %w", err)
	}
	if r.Error != "" || len(r.Attestation.Document) == 0 {
		return attest.Evidence{}, fmt.Errorf("the module gave no document: %.64q", r.Error)
	}
	return attest.Evidence{Kind: attest.KindNitro, Body: r.Attestation.Document, Log: log}, nil
}

// message is struct nsm_raw of the kernel (include/uapi/linux/nsm.h): two
// regions of memory, each an address and a length.
type message struct {
	request  unix.Iovec
	response unix.Iovec
}

// nsmRaw is _IOWR(0x0A, 0, struct nsm_raw).
const nsmRaw = 3<<30 | uintptr(unsafe.Sizeof(message{}))<<16 | 0x0A<<8

// transact sends one request to the module and returns its reply.
func transact(device string, request []byte) ([]byte, error) {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the secure module: %w", err)
	}
	defer f.Close()
	response := make([]byte, maxReply)
	m := message{unix.Iovec{Base: &request[0]}, unix.Iovec{Base: &response[0]}}
	m.request.SetLen(len(request))
	m.response.SetLen(len(response))
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), nsmRaw, uintptr(unsafe.Pointer(&m))); errno != 0 {
		return nil, fmt.Errorf("ask the secure module: %w", errno)
	}
	if uint64(m.response.Len) > maxReply {
		return nil, errors.New("ask the secure module: reply longer than its buffer")
	}
	return response[:m.response.Len], nil
}
