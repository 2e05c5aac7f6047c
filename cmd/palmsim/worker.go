package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"volar/cmd/internal/drill"
	"volar/cmd/internal/replay"
)

// workerName is the command of a process that works for another one.
const workerName = "replay-worker"

// What a worker can be asked for.
const (
	jobPlay  = "play"  // a tape
	jobFilm  = "film"  // to make a tape: a replay.Film
	jobDrill = "drill" // a fault: a drill.Order
)

func newWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use: workerName, Short: "Play tapes for another palmsim", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return replay.Work(c.Context(), os.NewFile(3, "asked"), os.NewFile(4, "answers"), work)
		},
	}
}

// startWorker is how a pool starts this program once more.
func startWorker(self string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd {
		c := exec.CommandContext(ctx, self, workerName)
		c.Args[0] = "palmsim"
		return c
	}
}

// work does one job.
func work(ctx context.Context, j replay.Job) replay.Result {
	res := replay.Result{Tape: j.Path, Name: replay.NameOf(j.Path)}
	var err error
	switch j.What {
	case jobPlay:
		return replay.File(ctx, j.Path, replay.Options{Speed: j.Speed})
	case jobFilm:
		res.Answer, err = makeTape(ctx, j)
	case jobDrill:
		var o drill.Order
		if err = json.Unmarshal(j.Order, &o); err == nil {
			res.Answer, err = json.Marshal(drill.Virtual(ctx, o))
		}
	default:
		err = fmt.Errorf("unknown job %q", j.What)
	}
	if err != nil {
		res.Error = err.Error()
	}
	return res
}
