package main

import (
	"log/slog"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"volar/boards"
)

// watchdog resets the board when nobody kicks it. Process 1 holds it while no
// device program does; only one of them can have it open. It is closed without
// the magic character, so it goes on counting from one hand to the other.
type watchdog struct {
	of  *boards.Watchdog
	log *slog.Logger

	mu   sync.Mutex
	file *os.File
}

// take opens the watchdog and kicks it until give.
func (w *watchdog) take() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil || w.file != nil {
		return
	}
	f, err := os.OpenFile(w.of.Device, os.O_WRONLY, 0)
	if err != nil {
		w.log.Warn("watchdog: "+err.Error(), "device", w.of.Device)
		return
	}
	seconds := int32(time.Duration(w.of.Timeout) / time.Second)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.WDIOC_SETTIMEOUT, uintptr(unsafe.Pointer(&seconds))); e != 0 {
		w.log.Warn("watchdog: set timeout: "+e.Error(), "seconds", seconds)
	}
	w.file = f
	go w.kick(f, time.Duration(w.of.Timeout)/3)
}

// kick ends when the file is closed.
func (w *watchdog) kick(f *os.File, every time.Duration) {
	for {
		if _, err := f.Write([]byte{0}); err != nil {
			return
		}
		time.Sleep(every)
	}
}

// give lets the device program take it. It has the watchdog's timeout for that.
func (w *watchdog) give() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil {
		w.file.Write([]byte{0})
		w.file.Close()
		w.file = nil
	}
}
