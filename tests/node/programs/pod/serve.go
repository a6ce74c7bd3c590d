// The server: TLS with the mounted certificate, read anew for each connection
// or once at the start, and one line as the answer.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// serve answers every request with the pod's name until it is told to stop, then
// goes on for the drain time, as a server must that is behind a Service: it is
// taken out of the endpoints only after it was told.
func serve(args []string) error {
	flags := flag.NewFlagSet("pod serve", flag.ContinueOnError)
	listen := flags.String("listen", ":8443", "address")
	certificate := flags.String("certificate", os.Getenv("SALLYPORT_TLS_CERT"), "chain, PEM")
	key := flags.String("key", os.Getenv("SALLYPORT_TLS_KEY"), "key, PEM")
	once := flags.Bool("once", false, "read the certificate at the start only, as many a server does")
	drain := flags.Duration("drain", 3*time.Second, "how long to go on after the signal")
	if err := flags.Parse(args); err != nil {
		return err
	}
	read := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		return &pair, err
	}
	first, err := read()
	if err != nil {
		return fmt.Errorf("the certificate is not there when the container starts: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr: *listen,
		// Also the time of the handshake: longer than the callers wait.
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, name)
		}),
		TLSConfig: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if *once {
				return first, nil
			}
			return read()
		}},
	}
	stop, release := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer release()
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServeTLS("", "") }()
	fmt.Printf("serving on %s\n", *listen)
	select {
	case err := <-ended:
		return err
	case <-stop.Done():
	}
	time.Sleep(*drain)
	patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
