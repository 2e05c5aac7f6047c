package firmware

import (
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"volar/enclave/attest/tpm"
)

func recorded(t testing.TB) ([]byte, tpm.Boot) {
	t.Helper()
	log, err := os.ReadFile("testdata/arch-linux-workstation.bin")
	if err != nil {
		t.Fatal(err)
	}
	var boot tpm.Boot
	for i, s := range []string{
		"758b773d94feabf52ef5a4c00a7ad2c80d8d6e6d9d58756150be9bc973da9087",
		"bfda688a5d320123fddb3fc70b746bc17647e2e7f2f96e130d429542bf4622d5",
		"65dee4a48cde677aa89fa83c5c35e883fda658f743853e3ebad504ca6702f7c5",
		"3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969",
		"925d453d3dfef4ac0c72c957402163d45fa95d05e6d53f047263a3a60b598325",
		"202522f005ef625588bb7c9e21335ba96a63c5086306138885b3bb2c381730ca",
		"3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969",
		"3b4a4db44b7a872524055364e62e897ae678e0d47ab0809f65c3a4ed77f66ab9",
		"47591b43af431963eaeb5238a5c42eda1eb0014c27f7de7ae483066a2d2a2e61",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		boot[i] = [32]byte(b)
	}
	return log, boot
}

func TestReplay(t *testing.T) {
	log, boot := recorded(t)
	events, err := Replay(log, boot)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) < 20 {
		t.Errorf("%d events", len(events))
	}
	for i := range boot {
		other := boot
		other[i][0]++
		if _, err := Replay(log, other); !errors.Is(err, ErrReplay) {
			t.Errorf("another PCR %d: %v", i, err)
		}
	}
	if _, err := Replay(log[:len(log)-1], boot); err == nil {
		t.Error("a log that is cut short replays")
	}
	for _, bad := range [][]byte{nil, {0}, make([]byte, MaxLog+1)} {
		if _, err := Replay(bad, tpm.Boot{}); !errors.Is(err, ErrForm) {
			t.Errorf("log of %d bytes: %v", len(bad), err)
		}
	}
}

func FuzzReplay(f *testing.F) {
	log, boot := recorded(f)
	f.Add(log)
	f.Add(log[:200])
	f.Fuzz(func(t *testing.T, in []byte) {
		events, err := Replay(in, boot)
		if err == nil && len(events) == 0 {
			t.Error("registers out of nothing")
		}
	})
}
