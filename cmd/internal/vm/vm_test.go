package vm

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestBoot(t *testing.T) {
	img := os.Getenv("VM_IMG")
	if img == "" {
		t.Skip()
	}
	m, _ := filepath.Glob(img + "/*.img")
	dir := os.Getenv("VM_DIR")
	os.RemoveAll(dir)
	u, err := New(dir, m[0], img+"/u-boot.bin")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, stop := context.WithTimeout(t.Context(), 40*time.Second)
		defer stop()
		start := time.Now()
		v, err := u.Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Console.Wait(ctx, "unit is up")
		t.Log(time.Since(start), err)
		time.Sleep(3 * time.Second)
		v.Cut()
		t.Log(v.Console.Tail(30), v.CPU())
	}
}
