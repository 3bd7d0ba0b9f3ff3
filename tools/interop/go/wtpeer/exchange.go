package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/webtransport-go"
)

// How far apart requests in datagrams leave, and how long their answers may take before they are asked for again.
const (
	datagramInterval = 20 * time.Millisecond
	datagramPatience = 500 * time.Millisecond
	fetchTimeout     = 30 * time.Second
	maxRequestBytes  = 2048
)

// exchange is what both sides of a session do. A request is the whole of a stream or of a datagram:
//
//	GET NAME             both ways: the file comes back; one way or in a datagram: it comes as "PUSH NAME\n" and the bytes
//	RESET CODE           abandon the sending side of this stream
//	STOP CODE            ask the other side to stop sending
//	ECHO                 the first line of a stream whose rest comes back
//	CLOSE CODE REASON    close the session
type exchange struct {
	session *webtransport.Session
	options options
	// One-way streams and datagrams that were not asked for, but answer what was.
	pushedStreams   chan *webtransport.ReceiveStream
	pushedDatagrams chan []byte
}

func (x exchange) serveStreams() {
	for {
		stream, err := x.session.AcceptStream(context.Background())
		if err != nil {
			return
		}
		go x.answer(stream)
	}
}

func (x exchange) answer(stream *webtransport.Stream) {
	line, err := readLine(stream)
	if err != nil {
		sayReset(err)
		return
	}
	order, rest, _ := strings.Cut(line, " ")
	word, reason, _ := strings.Cut(rest, " ")
	code, _ := strconv.ParseUint(word, 10, 32)
	switch order {
	case "GET":
		payload, err := x.read(rest)
		if err != nil {
			say("not served: %v", err)
			stream.CancelWrite(1)
			return
		}
		stream.Write(payload)
		stream.Close()
	case "ECHO":
		go sayStopped(stream)
		if _, err := io.Copy(stream, stream); err != nil {
			sayReset(err)
			return
		}
		stream.Close()
	case "RESET":
		stream.CancelWrite(webtransport.StreamErrorCode(code))
	case "STOP":
		stream.CancelRead(webtransport.StreamErrorCode(code))
	case "CLOSE":
		x.session.CloseWithError(webtransport.SessionErrorCode(code), reason)
	default:
		say("unknown order %q", line)
	}
}

func (x exchange) serveOneWayStreams() {
	for {
		stream, err := x.session.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		if x.options.fetch == "one-way" && len(x.options.names) > 0 {
			x.pushedStreams <- stream
			continue
		}
		go func() {
			line, err := readLine(stream)
			if err != nil {
				sayReset(err)
				return
			}
			push, err := x.push(line)
			if err != nil {
				say("not served: %v", err)
				return
			}
			back, err := x.session.OpenUniStreamSync(context.Background())
			if err != nil {
				return
			}
			back.Write(push)
			back.Close()
		}()
	}
}

func (x exchange) serveDatagrams() {
	for {
		payload, err := x.session.ReceiveDatagram(context.Background())
		if err != nil {
			return
		}
		if bytes.HasPrefix(payload, []byte("PUSH ")) {
			x.pushedDatagrams <- payload
			continue
		}
		push, err := x.push(string(payload))
		if err == nil {
			err = x.session.SendDatagram(push)
		}
		if err != nil {
			say("not served: %v", err)
		}
	}
}

// push is the answer to a GET where nothing else tells which file it is.
func (x exchange) push(request string) ([]byte, error) {
	name, is := strings.CutPrefix(request, "GET ")
	if !is {
		return nil, fmt.Errorf("unknown order %q", request)
	}
	payload, err := x.read(name)
	return append([]byte("PUSH "+name+"\n"), payload...), err
}

func (x exchange) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(x.options.files, filepath.Base(name)))
}

func (x exchange) fetchAll() error {
	switch x.options.fetch {
	case "both-ways":
		return each(x.options.names, x.fetchBothWays)
	case "one-way":
		// Requests and answers at once: neither side's stream limit may hold up the other.
		return errors.Join(each(x.options.names, x.requestOneWay), each(x.options.names, x.receiveOneWay))
	case "datagrams":
		return x.fetchDatagrams()
	}
	return fmt.Errorf("no way to fetch called %q", x.options.fetch)
}

func (x exchange) fetchBothWays(name string) error {
	stream, err := x.session.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	stream.Write([]byte("GET " + name))
	stream.Close()
	payload, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	return x.store(name, payload)
}

func (x exchange) requestOneWay(name string) error {
	stream, err := x.session.OpenUniStreamSync(context.Background())
	if err != nil {
		return err
	}
	stream.Write([]byte("GET " + name))
	return stream.Close()
}

func (x exchange) receiveOneWay(string) error {
	select {
	case stream := <-x.pushedStreams:
		push, err := io.ReadAll(stream)
		if err != nil {
			return err
		}
		_, err = x.storePush(push)
		return err
	case <-time.After(fetchTimeout):
		return errors.New("a stream is missing")
	}
}

// fetchDatagrams asks again for what stays away: datagrams may be lost.
func (x exchange) fetchDatagrams() error {
	missing := make(map[string]bool, len(x.options.names))
	for _, name := range x.options.names {
		missing[name] = true
	}
	ticks := time.NewTicker(datagramInterval)
	defer ticks.Stop()
	give := time.After(fetchTimeout)
	asked := map[string]time.Time{}
	for len(missing) > 0 {
		select {
		case push := <-x.pushedDatagrams:
			name, err := x.storePush(push)
			if err != nil {
				return err
			}
			delete(missing, name)
		case now := <-ticks.C:
			for _, name := range x.options.names {
				if missing[name] && now.Sub(asked[name]) > datagramPatience {
					asked[name] = now
					if err := x.session.SendDatagram([]byte("GET " + name)); err != nil {
						return err
					}
					break
				}
			}
		case <-give:
			return fmt.Errorf("%d datagrams are missing", len(missing))
		}
	}
	return nil
}

func (x exchange) storePush(push []byte) (string, error) {
	head, payload, found := bytes.Cut(push, []byte("\n"))
	name, is := strings.CutPrefix(string(head), "PUSH ")
	if !found || !is {
		return "", fmt.Errorf("no PUSH: %.20q", push)
	}
	return name, x.store(name, payload)
}

func (x exchange) store(name string, payload []byte) error {
	return os.WriteFile(filepath.Join(x.options.into, filepath.Base(name)), payload, 0o600)
}

// each does one thing for every name at the same time and returns the first error.
func each(names []string, do func(string) error) error {
	results := make([]error, len(names))
	var work sync.WaitGroup
	for i, name := range names {
		work.Go(func() { results[i] = do(name) })
	}
	work.Wait()
	return errors.Join(results...)
}

// readLine reads up to a line feed or the end, and not a byte further.
func readLine(input io.Reader) (string, error) {
	var line []byte
	next := make([]byte, 1)
	for len(line) < maxRequestBytes {
		n, err := input.Read(next)
		if n == 1 && next[0] != '\n' {
			line = append(line, next[0])
		} else if n == 1 || err == io.EOF {
			return string(line), nil
		} else if err != nil {
			return "", err
		}
	}
	return "", errors.New("a request is too long")
}

// sayReset tells the code of the other side's RESET_STREAM.
func sayReset(err error) {
	var fault *webtransport.StreamError
	if errors.As(err, &fault) && fault.Remote {
		say("reset %d", fault.ErrorCode)
	}
}

// sayStopped waits for the end of a sending side, and tells the code if it was the other side's STOP_SENDING.
func sayStopped(stream *webtransport.Stream) {
	<-stream.Context().Done()
	_, err := stream.Write([]byte{0})
	var fault *webtransport.StreamError
	if errors.As(err, &fault) && fault.Remote {
		say("stopped %d", fault.ErrorCode)
	}
}
