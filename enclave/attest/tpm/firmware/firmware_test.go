package firmware

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-eventlog/testdata"

	"volar/enclave/attest/tpm"
)

// recordings are starts of machines, and how many events each log has for
// registers 0 to 9.
var recordings = []struct {
	name   string
	log    []byte
	events int
}{
	{"ArchLinuxWorkstationEventLog", testdata.ArchLinuxWorkstationEventLog, 24},
	{"GlinuxAlexEventLog", testdata.GlinuxAlexEventLog, 27},
	{"Rhel8EventLog", testdata.Rhel8EventLog, 80},
	{"Ubuntu1804AmdSevEventLog", testdata.Ubuntu1804AmdSevEventLog, 87},
	{"Ubuntu2104NoDbxEventLog", testdata.Ubuntu2104NoDbxEventLog, 109},
	{"Ubuntu2104NoSecureBootEventLog", testdata.Ubuntu2104NoSecureBootEventLog, 103},
	{"Ubuntu2404AmdSevSnpEventLog", testdata.Ubuntu2404AmdSevSnpEventLog, 113},
	{"Cos85AmdSevEventLog", testdata.Cos85AmdSevEventLog, 45},
	{"Cos93AmdSevEventLog", testdata.Cos93AmdSevEventLog, 45},
	{"Cos101AmdSevEventLog", testdata.Cos101AmdSevEventLog, 46},
}

// registers are the values that the machines had.
func registers(t testing.TB) map[string]tpm.Boot {
	t.Helper()
	b, err := os.ReadFile("testdata/registers.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]tpm.Boot{}
	for line := range strings.Lines(string(b)) {
		var name, value string
		var pcr int
		if _, err := fmt.Sscan(line, &name, &pcr, &value); err != nil {
			t.Fatal(err)
		}
		v, err := hex.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		boot := all[name]
		boot[pcr] = [32]byte(v)
		all[name] = boot
	}
	return all
}

func TestReplay(t *testing.T) {
	all, passed := registers(t), 0
	for _, r := range recordings {
		boot := all[r.name]
		events, err := Replay(r.log, boot)
		if err != nil || len(events) != r.events {
			t.Errorf("%s: %d events, want %d; %v", r.name, len(events), r.events, err)
			continue
		}
		passed++
		for i := range boot {
			other := boot
			other[i][0]++
			if _, err := Replay(r.log, other); !errors.Is(err, ErrReplay) {
				t.Errorf("%s with another PCR %d: %v", r.name, i, err)
			}
		}
		if _, err := Replay(r.log[:len(r.log)-1], boot); err == nil {
			t.Errorf("%s: a log that is cut short replays", r.name)
		}
	}
	if passed != 10 {
		t.Errorf("%d logs replay, want 10", passed)
	}
}

func TestReplayRefuses(t *testing.T) {
	for name, bad := range map[string][]byte{
		"empty": nil, "one byte": {0}, "too long": make([]byte, MaxLog+1), "SHA-1 only": testdata.Debian10EventLog,
	} {
		if _, err := Replay(bad, tpm.Boot{}); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReplay(f *testing.F) {
	boot := registers(f)["ArchLinuxWorkstationEventLog"]
	f.Add(testdata.ArchLinuxWorkstationEventLog)
	f.Add(testdata.ArchLinuxWorkstationEventLog[:200])
	f.Fuzz(func(t *testing.T, in []byte) {
		events, err := Replay(in, boot)
		if err == nil && len(events) == 0 {
			t.Error("registers out of nothing")
		}
	})
}
