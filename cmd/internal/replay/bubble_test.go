package replay

import (
	"testing"
	"time"
)

// An hour passes at once, and the processor's clock goes on.
func TestVirtual(t *testing.T) {
	began, passed := clock(), time.Duration(0)
	err := Virtual(func() {
		t0 := time.Now()
		done := make(chan bool)
		go func() { time.Sleep(time.Hour); close(done) }()
		<-done
		passed = time.Since(t0)
	})
	if err != nil || passed != time.Hour {
		t.Errorf("%v passed: %v", passed, err)
	}
	if took := clock() - began; took <= 0 || took > time.Minute {
		t.Errorf("an hour took %v", took)
	}
}
