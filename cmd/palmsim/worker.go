package main

import (
	"os"

	"github.com/spf13/cobra"

	"volar/cmd/internal/replay"
)

// workerName is the command of a process that plays tapes for another one.
const workerName = "replay-worker"

func newWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use: workerName, Short: "Play tapes for another palmsim", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			in, out := os.NewFile(3, "asked"), os.NewFile(4, "answers")
			return replay.Work(c.Context(), in, out)
		},
	}
}
