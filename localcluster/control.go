package localcluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// listen opens the control socket. The holder of the ensemble's lock may remove a socket that is in
// the way: it can only be a dead supervisor's. No request is answered before serve.
func (s *Supervisor) listen() error {
	path, err := s.folder.Socket()
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	// Closing it must not remove a newer socket of the same name: see restoreSocket.
	listener.SetUnlinkOnClose(false)
	// The directory is private already; a copy of it may not be.
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return fmt.Errorf("control socket: %w", err)
	}
	if s.socket, err = os.Lstat(path); err != nil {
		listener.Close()
		return fmt.Errorf("control socket: %w", err)
	}
	s.listener = listener
	if s.server == nil {
		s.server = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	}
	return nil
}

// serve answers requests. It comes after the members have been started: a second `up` that came
// before would find them down and start each once more, on the same data.
func (s *Supervisor) serve() error {
	listener := s.listener
	s.serving.Go(func() { _ = s.server.Serve(listener) })
	return nil
}

// closeSocket lets the requests under way finish; the `down` that ends this supervisor is one of them.
func (s *Supervisor) closeSocket() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = s.server.Close()
	}
	_ = s.listener.Close() // after serve the server has closed it already
	s.serving.Wait()
	if path, pathErr := s.folder.Socket(); pathErr == nil && s.socketAt(path) {
		_ = os.Remove(path) // one that stays does no harm: the lock tells whether a supervisor runs
	}
	return err
}

// socketAt tells whether this supervisor's own socket is found at path.
func (s *Supervisor) socketAt(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && os.SameFile(s.socket, info)
}

// routes is the control protocol; see api.go.
func (s *Supervisor) routes() http.Handler {
	mux := http.NewServeMux()
	get(mux, "status", func(ctx context.Context) (Status, error) { return s.StatusWithClients(ctx) })
	get(mux, "members", func(ctx context.Context) (MembersAnswer, error) {
		members, err := s.Members(ctx)
		return MembersAnswer{members}, err
	})
	get(mux, "faults", func(context.Context) (FaultsAnswer, error) {
		return FaultsAnswer{active(s.Faults(), time.Now())}, nil
	})
	post(mux, "wait", s.Wait)
	post(mux, "act", s.Act)
	post(mux, "inject", s.Inject)
	post(mux, "heal", s.Heal)
	post(mux, "stop", func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, s.Stop(ctx) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, fail(CodeUsage, "the supervisor may be of another version of zkctl: `zkctl down`, then `zkctl up`",
			"the supervisor knows no %s %s", r.Method, r.URL.Path))
	})
	return mux
}

// Stop ends the supervisor and returns when its members have ended.
func (s *Supervisor) Stop(ctx context.Context) error {
	s.stop()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func get[Answer any](mux *http.ServeMux, what string, answer func(context.Context) (Answer, error)) {
	mux.HandleFunc("GET "+apiRoot+what, func(w http.ResponseWriter, r *http.Request) {
		a, err := answer(r.Context())
		reply(w, a, err)
	})
}

// maxRequest is far above any request of this protocol.
const maxRequest = 1 << 20

func post[Request, Answer any](mux *http.ServeMux, what string, do func(context.Context, Request) (Answer, error)) {
	mux.HandleFunc("POST "+apiRoot+what, func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := json.NewDecoder(io.LimitReader(r.Body, maxRequest)).Decode(&request); err != nil {
			refuse(w, fail(CodeUsage, "", "request %s cannot be read: %w", what, err))
			return
		}
		a, err := do(r.Context(), request)
		reply(w, a, err)
	})
}

func reply(w http.ResponseWriter, answer any, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

// httpStatus helps to debug the protocol with curl; Client reads the body.
var httpStatus = map[Code]int{
	CodeFailed: http.StatusInternalServerError, CodeUsage: http.StatusBadRequest,
	CodeMissing: http.StatusNotFound, CodeTimedOut: http.StatusGatewayTimeout,
}

func refuse(w http.ResponseWriter, err error) {
	e := toError(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus[e.Code])
	_ = json.NewEncoder(w).Encode(e)
}

// toError gives any error the form that crosses the socket, with its whole text.
func toError(err error) *Error {
	return &Error{Code: CodeOf(err), Text: err.Error(), Hint: HintOf(err)}
}
