package flash

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Step is what a disk is busy with.
type Step string

// The steps, in order. Every disk ends with StepDone or StepFailed.
const (
	StepWrite  Step = "write"
	StepSync   Step = "sync"
	StepVerify Step = "verify"
	StepDone   Step = "done"
	StepFailed Step = "failed"
)

// Event is news of one disk.
type Event struct {
	Device string        `json:"device"`
	Step   Step          `json:"step"`
	Done   int64         `json:"done,omitempty"`  // bytes of this step
	Total  int64         `json:"total,omitempty"` // likewise
	Kept   int64         `json:"kept,omitempty"`  // bytes that an earlier run had written
	Left   time.Duration `json:"left_ns,omitempty"`
	Took   time.Duration `json:"took_ns,omitempty"` // at the end
	Err    error         `json:"-"`
}

// often is how often a disk's progress is told.
const often = 250 * time.Millisecond

// Write writes an image to disks, all at once, and reads it back from each.
// It writes to no disk if one of them may not be written to. tell is called
// by one goroutine at a time. The error joins those of the disks; the others
// are finished all the same. After an interruption the same call goes on
// where it was.
func Write(ctx context.Context, image *Image, disks []Disk, tell func(Event)) error {
	var refused []error
	for i := range disks {
		refused = append(refused, check(image, &disks[i]))
	}
	if err := errors.Join(refused...); err != nil {
		return err
	}
	var (
		all    sync.WaitGroup
		saying sync.Mutex
		errs   = make([]error, len(disks))
	)
	say := func(e Event) {
		saying.Lock()
		defer saying.Unlock()
		tell(e)
	}
	for i := range disks {
		all.Go(func() { errs[i] = writeOne(ctx, image, &disks[i], say) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func check(image *Image, d *Disk) error {
	if err := d.Refuse(); err != nil {
		return err
	}
	if d.Size < image.Map.Size {
		return fmt.Errorf("flash: %s: %w: %d bytes, the image has %d", d.Path, ErrSmall, d.Size, image.Map.Size)
	}
	return nil
}

func writeOne(ctx context.Context, image *Image, d *Disk, say func(Event)) error {
	began := time.Now()
	err := func() error {
		to, err := openTarget(d)
		if err != nil {
			return err
		}
		j := &job{image: image, to: to, tell: (&progress{device: d.Path, say: say}).tell}
		return errors.Join(j.run(ctx), to.Close())
	}()
	if err != nil {
		err = fmt.Errorf("flash: %s: %w", d.Path, err)
		say(Event{Device: d.Path, Step: StepFailed, Err: err, Took: time.Since(began)})
		return err
	}
	say(Event{Device: d.Path, Step: StepDone, Total: image.Map.Mapped, Took: time.Since(began)})
	return nil
}

// progress thins out news and tells the time left of a step. What is already
// there is only read, so the rate is that of what came after it.
type progress struct {
	device string
	say    func(Event)
	step   Step
	kept   int64
	since  time.Time // when the step began, or the last bytes were found there
	last   time.Time
}

func (p *progress) tell(step Step, done, total, kept int64) {
	now := time.Now()
	if step != p.step || step == StepWrite && kept != p.kept {
		p.since, p.kept = now, kept
	}
	if step != p.step {
		p.step, p.last = step, time.Time{}
	}
	if done < total && now.Sub(p.last) < often {
		return
	}
	p.last = now
	e := Event{Device: p.device, Step: step, Done: done, Total: total, Kept: kept}
	moved := done
	if step == StepWrite {
		moved -= kept
	}
	if spent := now.Sub(p.since); moved > headSize && spent > 0 {
		e.Left = time.Duration(float64(spent) / float64(moved) * float64(total-done))
	}
	p.say(e)
}
