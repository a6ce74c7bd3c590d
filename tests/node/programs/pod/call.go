// The client: new connections with a name in the ClientHello, trusting one file
// alone, and a JSON line for each with what came of it.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// seen is what the client saw of one call.
type seen struct {
	// Number counts the calls in the order in which they began; they end in another.
	Number int `json:"number"`
	// Outcome is verified, reset, closed, refused, silence or failed.
	Outcome string `json:"outcome"`
	// Said is what the server answered, or the error.
	Said string `json:"said"`
	// Serial is the served leaf's serial number in hex.
	Serial string `json:"serial,omitempty"`
}

// call makes so many calls at a steady rate, whatever becomes of each.
func call(args []string) error {
	flags := flag.NewFlagSet("pod call", flag.ContinueOnError)
	address := flags.String("address", "", "IP:PORT")
	name := flags.String("name", "", "the name that is said, and that the certificate must hold")
	roots := flags.String("ca", os.Getenv("SALLYPORT_TLS_CA"), "file with the roots, PEM")
	count := flags.Int("count", 1, "number of calls")
	every := flags.Duration("every", 100*time.Millisecond, "time between the beginnings of two calls")
	patience := flags.Duration("patience", 10*time.Second, "how long one call may take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	text, err := os.ReadFile(*roots)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s holds no certificate", *roots)
	}
	config := &tls.Config{RootCAs: pool, ServerName: *name}
	var writing sync.Mutex
	var calls sync.WaitGroup
	out := json.NewEncoder(os.Stdout)
	ticker := time.NewTicker(*every)
	defer ticker.Stop()
	for i := range *count {
		if i > 0 {
			<-ticker.C
		}
		calls.Go(func() {
			result := one(*address, config, *patience)
			result.Number = i
			writing.Lock()
			defer writing.Unlock()
			// Whoever closes the pipe has seen enough.
			_ = out.Encode(result)
		})
	}
	calls.Wait()
	return nil
}

func one(address string, config *tls.Config, patience time.Duration) seen {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/", nil)
	if err != nil {
		return seen{Outcome: "failed", Said: err.Error()}
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return seen{Outcome: outcome(err), Said: err.Error()}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil {
		return seen{Outcome: outcome(err), Said: err.Error()}
	}
	return seen{Outcome: "verified", Said: string(body), Serial: answer.TLS.PeerCertificates[0].SerialNumber.Text(16)}
}

func outcome(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "silence"
	default:
		return "failed"
	}
}
