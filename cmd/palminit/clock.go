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

const rtc = "/dev/rtc0" // the board's clock

// setClock sets the clock at boot, and says whether it is to be believed.
func (k *keeper) setClock() {
	var kept time.Time
	if info, err := os.Stat(clockFile); err == nil {
		kept = info.ModTime()
	}
	now, doubt := unit.Clock(boardTime(), k.release.Time(), kept)
	if doubt != nil {
		k.log.Warn(doubt.Error(), "took", now)
	}
	if err := setSystem(now); err != nil {
		k.log.Warn("clock: " + err.Error())
	}
	go keepTime()
}

// boardTime is what the board's clock says, or the system's where there is
// none. Not every kernel takes its time from the board's by itself.
func boardTime() time.Time {
	f, err := os.Open(rtc)
	if err != nil {
		return time.Now()
	}
	defer f.Close()
	t, err := unix.IoctlGetRTCTime(int(f.Fd()))
	if err != nil {
		return time.Now()
	}
	return time.Date(int(t.Year)+1900, time.Month(t.Mon+1), int(t.Mday), int(t.Hour), int(t.Min), int(t.Sec), 0, time.UTC)
}

func setSystem(t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	return unix.Settimeofday(&tv)
}

// keepTime notes the time every minute.
func keepTime() {
	for {
		noteTime()
		time.Sleep(time.Minute)
	}
}

// noteTime makes the time outlive a power cut, as far as the data partition
// takes it: what cannot be kept is asked for again.
func noteTime() {
	f, err := os.OpenFile(clockFile, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	now := time.Now()
	os.Chtimes(clockFile, now, now)
	f.Sync()
}

// learnTime takes the time from who knows it.
func learnTime(t time.Time) error {
	err := setTime(t)
	noteTime()
	return err
}

// setTime sets the system's clock, and the board's where it has one.
func setTime(t time.Time) error {
	if err := setSystem(t); err != nil {
		return err
	}
	f, err := os.OpenFile(rtc, os.O_RDWR, 0)
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
