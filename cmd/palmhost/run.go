package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"volar/enclave/host/gateway"
	"volar/enclave/host/store"
)

// ready is the line on standard output once devices can connect.
type ready struct {
	Listen  string `json:"listen"`
	Metrics string `json:"metrics"`
	Updates string `json:"updates,omitempty"`
}

// run serves until ctx is done. What is opened first is closed last: the
// vault may use the store until it has ended.
func run(ctx context.Context, o options, stdout io.Writer, output *os.File, log *slog.Logger) (err error) {
	blobs, err := store.Open(ctx, o.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metricsAddr, stopMetrics, err := serveMetrics(o.metrics, registry, log)
	if err != nil {
		return err
	}
	defer stopMetrics()

	updatesAddr, stopUpdates, err := serveUpdates(o, log)
	if err != nil {
		return err
	}
	defer stopUpdates()

	devices, err := net.ListenTCP("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for devices: %w", err)
	}
	defer devices.Close()

	launch, err := gateway.Command(o.launch, output)
	if err != nil {
		return err
	}
	g, err := gateway.Start(gateway.Config{Launch: launch, Store: blobs, Limits: gateway.DefaultLimits(),
		Log: log, Metrics: gateway.NewMetrics(registry)})
	if err != nil {
		return err
	}
	line := ready{Listen: devices.Addr().String(), Metrics: metricsAddr, Updates: updatesAddr}
	if err := json.NewEncoder(stdout).Encode(line); err != nil {
		log.Warn("the ready line could not be written", "cause", err)
	}
	log.Info("ready", "listen", line.Listen, "metrics", line.Metrics)
	return g.Serve(ctx, devices)
}

// serveMetrics answers GET /metrics until stop is called.
func serveMetrics(a *net.TCPAddr, r *prometheus.Registry, log *slog.Logger) (addr string, stop func(), err error) {
	ln, err := net.ListenTCP("tcp", a)
	if err != nil {
		return "", nil, fmt.Errorf("listen for metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	server := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 14, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics ended", "cause", err)
		}
	}()
	return ln.Addr().String(), func() { server.Close(); <-ended }, nil
}
