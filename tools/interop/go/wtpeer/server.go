//go:build !client

package main

import (
	"crypto/tls"
	"net"
	"net/http"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// run serves sessions on any path but /refused, until it is ended.
func run(o options) error {
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
	handler := http.NewServeMux()
	server := &webtransport.Server{
		ApplicationProtocols: o.protocolList(),
		H3: &http3.Server{
			Handler:    handler,
			TLSConfig:  &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{http3.NextProtoH3}},
			QUICConfig: &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
		},
		CheckOrigin: func(*http.Request) bool { return true },
	}
	webtransport.ConfigureHTTP3Server(server.H3)
	handler.HandleFunc("/refused", func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(http.StatusForbidden) })
	handler.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		session, err := server.Upgrade(answer, request)
		if err != nil {
			say("no session: %v", err)
			answer.WriteHeader(http.StatusInternalServerError)
			return
		}
		attend(session, o)
	})
	say("listening %d", socket.LocalAddr().(*net.UDPAddr).Port)
	return server.Serve(socket)
}
