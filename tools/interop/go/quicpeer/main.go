// Command quicpeer is the other side of a raw QUIC test, on quic-go: a server or a client that does what it is told.
//
//	quicpeer -listen 127.0.0.1:0 -cert chain.pem -key key.pem -alpn test [-retry] [-idle 1s] [-early]
//	quicpeer -connect 127.0.0.1:4433 -root root.pem -alpn test [-times 2] [-early]
//
// Every stream of the test's that goes both ways begins with one line, the order:
//
//	echo                send the rest back
//	reset CODE          abandon the sending side
//	stop CODE           ask the test to stop sending
//	close CODE REASON   close the connection
//	move                go on from another UDP port (client only)
//
// With -early a server takes 0-RTT and serves at once, and a client begins with a one-way stream that says "early".
//
// One-way streams come back as one-way streams of the peer's, datagrams as datagrams. What the peer itself sees is told on
// standard output, one fact per line: see `say`.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

const (
	handshakeTimeout = 10 * time.Second
	maxOrderBytes    = 2048
)

type options struct {
	listen, connect, cert, key, root, alpn string
	idle                                   time.Duration
	retry, early                           bool
	times                                  int
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "", "serve at this address")
	flag.StringVar(&o.connect, "connect", "", "connect to this address")
	flag.StringVar(&o.cert, "cert", "", "PEM file of the server's certificate chain")
	flag.StringVar(&o.key, "key", "", "PEM file of its key")
	flag.StringVar(&o.root, "root", "", "PEM file of the authority a client trusts")
	flag.StringVar(&o.alpn, "alpn", "test", "application protocols, separated by commas")
	flag.DurationVar(&o.idle, "idle", 30*time.Second, "idle time-out")
	flag.BoolVar(&o.retry, "retry", false, "have every client prove its address by Retry")
	flag.BoolVar(&o.early, "early", false, "take or send 0-RTT")
	flag.IntVar(&o.times, "times", 1, "connect so many times, each time when the connection before is closed")
	flag.Parse()

	var err error
	switch {
	case o.listen != "":
		err = serve(o)
	case o.connect != "":
		err = connect(o)
	default:
		err = errors.New("give -listen or -connect")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quicpeer:", err)
		os.Exit(1)
	}
}

func serve(o options) error {
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return err
	}
	address, err := net.ResolveUDPAddr("udp", o.listen)
	if err != nil {
		return err
	}
	socket, err := net.ListenUDP("udp", address)
	if err != nil {
		return err
	}
	transport := &quic.Transport{
		Conn: socket,
		// Not asked about a client that has a token.
		VerifySourceAddress: func(net.Addr) bool {
			if o.retry {
				say("sent retry")
			}
			return o.retry
		},
	}
	config := o.config()
	config.GetConfigForClient = func(client *quic.ClientInfo) (*quic.Config, error) {
		say("client verified=%t", client.AddrVerified)
		return config, nil
	}
	tlsConfig := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: o.protocols(), MinVersion: tls.VersionTLS13}
	var listener interface {
		Accept(context.Context) (*quic.Conn, error)
	}
	if o.early {
		listener, err = transport.ListenEarly(tlsConfig, config)
	} else {
		listener, err = transport.Listen(tlsConfig, config)
	}
	if err != nil {
		return err
	}
	say("listening %d", socket.LocalAddr().(*net.UDPAddr).Port)
	for {
		conn, err := listener.Accept(context.Background())
		if err != nil {
			return err
		}
		go attend(conn)
	}
}

func connect(o options) error {
	pem, err := os.ReadFile(o.root)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", o.root)
	}
	server, err := net.ResolveUDPAddr("udp", o.connect)
	if err != nil {
		return err
	}
	transport, err := openLocal()
	if err != nil {
		return err
	}
	tlsConfig := &tls.Config{
		RootCAs:    roots,
		ServerName: server.IP.String(),
		NextProtos: o.protocols(),
		MinVersion: tls.VersionTLS13,
		// The server's name is its address, and does not tell its port: there is one server per run.
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	config := o.config()
	config.TokenStore = quic.NewLRUTokenStore(1, 4)
	for range o.times {
		connectOnce(transport, server, tlsConfig, config, o.early)
	}
	return nil
}

func connectOnce(transport *quic.Transport, server net.Addr, tlsConfig *tls.Config, config *quic.Config, early bool) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	dial := transport.Dial
	if early {
		dial = transport.DialEarly
	}
	conn, err := dial(ctx, server, tlsConfig, config)
	if err == nil && early {
		conn, err = greet(ctx, conn)
	}
	if err != nil {
		sayClosed(err)
		return
	}
	attend(conn)
}

// greet says "early" on a stream, in 0-RTT packets if there is a ticket for it, and waits for the handshake.
func greet(ctx context.Context, conn *quic.Conn) (*quic.Conn, error) {
	if stream, err := conn.OpenUniStream(); err == nil {
		stream.Write([]byte("early")) // a failure is a rejection, and told as such
		stream.Close()
	}
	return conn.NextConnection(ctx)
}

func (o options) config() *quic.Config {
	return &quic.Config{
		EnableDatagrams:      true,
		MaxIdleTimeout:       o.idle,
		HandshakeIdleTimeout: handshakeTimeout,
		Allow0RTT:            o.early,
		Tracer:               func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return facts{} },
	}
}

// facts is a trace of a connection that tells of key updates (RFC 9001 section 6), whoever made them, and of a server's
// Retry, and of nothing else.
type facts struct{}

func (f facts) AddProducer() qlogwriter.Recorder { return f }

func (facts) SupportsSchemas(string) bool { return false }

func (facts) RecordEvent(event qlogwriter.Event) {
	switch event := event.(type) {
	case qlog.KeyUpdated:
		// One update changes two keys; it is told once.
		if event.Trigger != qlog.KeyUpdateTLS && event.KeyType == qlog.KeyTypeClient1RTT {
			say("key updated to phase %d, %s", event.KeyPhase, event.Trigger)
		}
	case qlog.PacketReceived:
		if event.Header.PacketType == qlog.PacketTypeRetry {
			say("received retry")
		}
	}
}

func (facts) Close() error { return nil }

func (o options) protocols() []string { return strings.Split(o.alpn, ",") }

// introduce tells what the handshake came to, when it is done.
func introduce(conn *quic.Conn) {
	select {
	case <-conn.HandshakeComplete():
	case <-conn.Context().Done():
		return
	}
	state := conn.ConnectionState()
	say("resumed %t", state.TLS.DidResume)
	say("used 0rtt %t", state.Used0RTT)
	say("connected alpn=%s suite=%s", state.TLS.NegotiatedProtocol, tls.CipherSuiteName(state.TLS.CipherSuite))
}

// attend serves a connection until it is closed.
func attend(conn *quic.Conn) {
	select {
	case <-conn.HandshakeComplete():
		introduce(conn)
	default: // a server that takes 0-RTT is asked before
		say("asked before the handshake")
		go introduce(conn)
	}
	go eachDatagram(conn)
	go eachOneWayStream(conn)
	for {
		stream, err := conn.AcceptStream(context.Background())
		if err != nil {
			break
		}
		go follow(conn, stream)
	}
	<-conn.Context().Done()
	sayClosed(context.Cause(conn.Context()))
}

func eachDatagram(conn *quic.Conn) {
	for {
		payload, err := conn.ReceiveDatagram(context.Background())
		if err != nil {
			return
		}
		if err := conn.SendDatagram(payload); err != nil {
			say("datagram refused %v", err)
		}
	}
}

func eachOneWayStream(conn *quic.Conn) {
	for {
		stream, err := conn.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		go func() {
			payload, err := io.ReadAll(stream)
			if err != nil {
				sayReset(err)
				return
			}
			back, err := conn.OpenUniStreamSync(context.Background())
			if err != nil {
				return
			}
			go sayStopped(back.Context())
			back.Write(payload) // a failure is a stop or the end of the connection, and told as such
			back.Close()
		}()
	}
}

// follow does what the first line of a stream says.
func follow(conn *quic.Conn, stream *quic.Stream) {
	input := bufio.NewReaderSize(stream, 64*1024)
	line, err := input.ReadString('\n')
	if err != nil || len(line) > maxOrderBytes {
		say("no order: %v", err)
		return
	}
	order, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	word, reason, _ := strings.Cut(rest, " ")
	code, _ := strconv.ParseUint(word, 10, 62)
	switch order {
	case "echo":
		go sayStopped(stream.Context())
		if _, err := io.Copy(stream, input); err != nil {
			sayReset(err)
		}
		stream.Close()
	case "reset":
		stream.CancelWrite(quic.StreamErrorCode(code))
	case "stop":
		stream.CancelRead(quic.StreamErrorCode(code))
	case "close":
		conn.CloseWithError(quic.ApplicationErrorCode(code), reason)
	case "move":
		if err := move(conn); err != nil {
			say("not moved: %v", err)
		}
	default:
		say("unknown order %q", order)
	}
}

// move continues the connection from a new socket, once the path from there is validated.
func move(conn *quic.Conn) error {
	transport, err := openLocal()
	if err != nil {
		return err
	}
	path, err := conn.AddPath(transport)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	if err := path.Probe(ctx); err != nil {
		return err
	}
	if err := path.Switch(); err != nil {
		return err
	}
	say("moved %d", transport.Conn.LocalAddr().(*net.UDPAddr).Port)
	return nil
}

// openLocal opens a client's socket. Its connection ids are not empty, which moving needs: quic.DialAddr's are.
func openLocal() (*quic.Transport, error) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	return &quic.Transport{Conn: socket}, err
}

var output sync.Mutex

// say tells a fact, in a line of its own.
func say(format string, values ...any) {
	output.Lock()
	defer output.Unlock()
	fmt.Printf(format+"\n", values...)
}

// sayReset tells the code of the test's RESET_STREAM.
func sayReset(err error) {
	var fault *quic.StreamError
	if errors.As(err, &fault) && fault.Remote {
		say("reset %d", fault.ErrorCode)
	}
}

// sayStopped waits for the end of a sending side, and tells the code if it was the test's STOP_SENDING.
func sayStopped(ctx context.Context) {
	<-ctx.Done()
	var fault *quic.StreamError
	if errors.As(context.Cause(ctx), &fault) && fault.Remote {
		say("stopped %d", fault.ErrorCode)
	}
}

// sayClosed tells who ended a connection, with which code and words.
func sayClosed(err error) {
	var application *quic.ApplicationError
	var transport *quic.TransportError
	var idle *quic.IdleTimeoutError
	switch {
	case errors.As(err, &application):
		say("closed application remote=%t %d %s", application.Remote, application.ErrorCode, application.ErrorMessage)
	case errors.As(err, &transport):
		say("closed transport remote=%t %d %s", transport.Remote, uint64(transport.ErrorCode), transport.ErrorMessage)
	case errors.As(err, &idle):
		say("closed idle")
	default:
		say("closed %v", err)
	}
}
