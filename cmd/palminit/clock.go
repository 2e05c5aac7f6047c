package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"volar/firmware/unit"
)

// clockFile's time of change is the time kept over a power cut, for a board
// without a battery.
const clockFile = "/data/unit/clock"

// setClock sets the clock at boot, and says whether it is to be believed.
func (k *keeper) setClock() {
	var kept time.Time
	if info, err := os.Stat(clockFile); err == nil {
		kept = info.ModTime()
	}
	now, err := unit.Clock(time.Now(), k.release.Time(), kept)
	if err != nil {
		k.log.Warn(err.Error(), "took", now)
		if err := setTime(now); err != nil {
			k.log.Warn("clock: " + err.Error())
		}
	}
	go keepTime()
}

// keepTime notes the time every minute.
func keepTime() {
	for {
		if f, err := os.OpenFile(clockFile, os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			f.Close()
			now := time.Now()
			os.Chtimes(clockFile, now, now)
		}
		time.Sleep(time.Minute)
	}
}

// setTime sets the system's clock, and the board's where it has one.
func setTime(t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		return err
	}
	f, err := os.OpenFile("/dev/rtc0", os.O_RDWR, 0)
	if err != nil {
		return nil // no clock with a battery
	}
	defer f.Close()
	u := t.UTC()
	return unix.IoctlSetRTCTime(int(f.Fd()), &unix.RTCTime{
		Sec: int32(u.Second()), Min: int32(u.Minute()), Hour: int32(u.Hour()),
		Mday: int32(u.Day()), Mon: int32(u.Month()) - 1, Year: int32(u.Year()) - 1900,
	})
}
