//! What a client does wrong, and the code our server closes with (RFC 9000 section 20, RFC 9001 section 4.8). The list is
//! that of h3spec's QUIC half, with the exact code each section asks for.

mod support;

use moqingbird_quic::{ClosedBy, Event};
use moqingbird_rogue::{ClientHello, Frames, Hello, MAX_VARINT, Options, Parameters, Shape, Space, parameter};
use support::*;

const FLOW_CONTROL_ERROR: u64 = 0x3;
const STREAM_LIMIT_ERROR: u64 = 0x4;
const STREAM_STATE_ERROR: u64 = 0x5;
const FINAL_SIZE_ERROR: u64 = 0x6;
const FRAME_ENCODING_ERROR: u64 = 0x7;
const TRANSPORT_PARAMETER_ERROR: u64 = 0x8;
const CONNECTION_ID_LIMIT_ERROR: u64 = 0x9;
const PROTOCOL_VIOLATION: u64 = 0xa;
const CRYPTO_BUFFER_EXCEEDED: u64 = 0xd;
/// CRYPTO_ERROR plus the TLS alert.
const UNEXPECTED_MESSAGE: u64 = 0x100 + 10;
const MISSING_EXTENSION: u64 = 0x100 + 109;
const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// Streams a client may not use so: the first of each kind (RFC 9000 section 2.1).
const CLIENT_UNI: u64 = 2;
const SERVER_BIDI: u64 = 1;
const SERVER_UNI: u64 = 3;

/// The verdict on these frames after the handshake.
fn judged(frames: Frames) -> u64 {
    let mut assault = Assault::established();
    assault.send(Space::OneRtt, frames);
    assault.verdict().expect("the engine let it pass").0
}

/// The verdict on these transport parameters.
fn judged_parameters(parameters: Parameters) -> u64 {
    judged_hello(Options { parameters, ..Options::default() })
}

fn judged_hello(options: Options) -> u64 {
    let mut assault = Assault::new(options);
    assault.exchange();
    assert_eq!(assault.target.connected(), [0_u32; 0]);
    assault.verdict().expect("the engine let it pass").0
}

/// The rogue has Handshake keys and has not used them yet.
fn handshaking() -> Assault {
    let mut assault = Assault::new(Options::default());
    for packet in assault.rogue.take() {
        assault.target.ingest(assault.address, &packet);
    }
    let answers = assault.target.turn();
    assault.rogue.talks_tls = false;
    for (_, answer) in answers {
        assault.rogue.receive(&answer);
    }
    // The keys come with the first thing TLS has to say.
    assault.rogue.write_tls();
    let _finished = assault.rogue.take();
    assert!(assault.rogue.has_keys(Space::Handshake));
    assault
}

fn judged_in_handshake(frames: Frames) -> u64 {
    let mut assault = handshaking();
    assault.send(Space::Handshake, frames);
    assault.verdict().expect("the engine let it pass").0
}

mod flow_control {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn stream_data_up_to_the_limit_is_taken_and_beyond_it_not() {
        let last = Frames::new().stream(CLIENT_UNI, STREAM_WINDOW - 1, b"x", false);
        let mut assault = Assault::established();
        assault.send(Space::OneRtt, last);
        assert_eq!(assault.verdict(), None);
        // RFC 9000 section 4.1.
        assert_eq!(judged(Frames::new().stream(CLIENT_UNI, STREAM_WINDOW, b"x", false)), FLOW_CONTROL_ERROR);
        assert_eq!(judged(Frames::new().stream(CLIENT_UNI, MAX_VARINT - 1, b"x", false)), FLOW_CONTROL_ERROR);
    }

    #[test]
    fn streams_together_may_not_exceed_the_connections_limit() {
        let frames = (0..=CONNECTION_WINDOW / STREAM_WINDOW)
            .fold(Frames::new(), |frames, n| frames.stream(CLIENT_UNI + 4 * n, STREAM_WINDOW - 1, b"x", false));
        assert_eq!(judged(frames), FLOW_CONTROL_ERROR);
    }

    #[test]
    fn a_reset_beyond_the_limit_counts_like_data() {
        assert_eq!(judged(Frames::new().reset_stream(CLIENT_UNI, 0, STREAM_WINDOW + 1)), FLOW_CONTROL_ERROR);
    }

    #[test]
    fn data_beyond_the_largest_offset_is_no_frame() {
        // RFC 9000 section 19.8: FRAME_ENCODING_ERROR or FLOW_CONTROL_ERROR.
        let code = judged(Frames::new().stream(CLIENT_UNI, MAX_VARINT, b"xy", false));
        assert!([FRAME_ENCODING_ERROR, FLOW_CONTROL_ERROR].contains(&code), "{code:#x}");
    }

    #[test]
    fn a_stream_within_the_limit_is_opened_and_beyond_it_not() {
        // RFC 9000 section 4.6.
        for (first_id, limit) in [(CLIENT_UNI, FIRST_UNI_STREAMS), (0, FIRST_BIDI_STREAMS)] {
            let mut assault = Assault::established();
            assault.send(Space::OneRtt, Frames::new().stream(first_id + 4 * (limit - 1), 0, b"x", false));
            assert_eq!(assault.verdict(), None);
            assert_eq!(judged(Frames::new().stream(first_id + 4 * limit, 0, b"x", false)), STREAM_LIMIT_ERROR);
        }
    }

    #[test]
    fn the_fourth_stream_brings_the_whole_limit() {
        for (first_id, first, limit) in
            [(CLIENT_UNI, FIRST_UNI_STREAMS, UNI_STREAMS), (0, FIRST_BIDI_STREAMS, BIDI_STREAMS)]
        {
            let frame = |index: u64| Frames::new().stream(first_id + 4 * index, 0, b"x", false);
            let mut assault = Assault::established();
            assault.send(Space::OneRtt, frame(2));
            assault.send(Space::OneRtt, frame(first));
            assert_eq!(assault.verdict().map(|(code, _)| code), Some(STREAM_LIMIT_ERROR));
            let mut assault = Assault::established();
            assault.send(Space::OneRtt, frame(3));
            assault.send(Space::OneRtt, frame(limit - 1));
            assert_eq!(assault.verdict(), None);
            assault.send(Space::OneRtt, frame(limit));
            assert_eq!(assault.verdict().map(|(code, _)| code), Some(STREAM_LIMIT_ERROR));
        }
    }

    #[test]
    fn a_final_size_does_not_change() {
        // RFC 9000 section 4.5.
        let frames = Frames::new().stream(CLIENT_UNI, 8, b"x", true);
        assert_eq!(judged(frames.clone().stream(CLIENT_UNI, 10, b"x", false)), FINAL_SIZE_ERROR);
        assert_eq!(judged(frames.clone().stream(CLIENT_UNI, 3, b"x", true)), FINAL_SIZE_ERROR);
        assert_eq!(judged(frames.reset_stream(CLIENT_UNI, 0, 3)), FINAL_SIZE_ERROR);
    }
}

mod transport_parameters {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_source_connection_id_must_be_told() {
        // RFC 9000 section 7.3.
        let options = Options { tells_ids: false, ..Options::default() };
        assert_eq!(judged_hello(options), TRANSPORT_PARAMETER_ERROR);
    }

    #[test]
    fn the_source_connection_id_must_be_the_one_used() {
        let parameters = Parameters::usual().with(parameter::INITIAL_SOURCE_CONNECTION_ID, b"another!");
        let options = Options { parameters, tells_ids: false, ..Options::default() };
        // Section 7.3: TRANSPORT_PARAMETER_ERROR or PROTOCOL_VIOLATION.
        assert_eq!(judged_hello(options), TRANSPORT_PARAMETER_ERROR);
    }

    #[test]
    fn a_client_tells_nothing_that_only_servers_tell() {
        // Section 18.2.
        let mut preferred = vec![0; 4 + 2 + 16 + 2];
        preferred.push(8);
        preferred.extend([1; 8 + 16]);
        for (id, value) in [
            (parameter::ORIGINAL_DESTINATION_CONNECTION_ID, &b"12345678"[..]),
            (parameter::PREFERRED_ADDRESS, &preferred),
            (parameter::RETRY_SOURCE_CONNECTION_ID, b"12345678"),
            (parameter::STATELESS_RESET_TOKEN, &[7; 16]),
        ] {
            assert_eq!(judged_parameters(Parameters::usual().with(id, value)), TRANSPORT_PARAMETER_ERROR, "{id:#x}");
        }
    }

    #[test]
    fn numbers_out_of_their_range_are_refused_and_those_at_its_edge_taken() {
        for (id, good, bad) in [
            (parameter::MAX_UDP_PAYLOAD_SIZE, 1200, 1199),
            (parameter::ACK_DELAY_EXPONENT, 20, 21),
            (parameter::MAX_ACK_DELAY, (1 << 14) - 1, 1 << 14),
            (parameter::INITIAL_MAX_STREAMS_BIDI, 1 << 60, (1 << 60) + 1),
            (parameter::INITIAL_MAX_STREAMS_UNI, 1 << 60, (1 << 60) + 1),
            (parameter::ACTIVE_CONNECTION_ID_LIMIT, 2, 1),
        ] {
            let usual = Parameters::usual().without(id);
            assert_eq!(judged_parameters(usual.clone().with_number(id, bad)), TRANSPORT_PARAMETER_ERROR, "{id:#x}");
            Assault::established_with(Options { parameters: usual.with_number(id, good), ..Options::default() });
        }
    }

    #[test]
    fn none_is_told_twice() {
        // Section 7.4.
        for id in [parameter::MAX_IDLE_TIMEOUT, parameter::INITIAL_MAX_DATA, parameter::MAX_DATAGRAM_FRAME_SIZE] {
            assert_eq!(judged_parameters(Parameters::usual().with_number(id, 9)), TRANSPORT_PARAMETER_ERROR, "{id:#x}");
        }
    }

    #[test]
    fn a_value_that_is_no_number_is_refused() {
        let parameters = Parameters::usual().without(parameter::INITIAL_MAX_DATA);
        for value in [&[][..], &[0x40], &[1, 1]] {
            let parameters = parameters.clone().with(parameter::INITIAL_MAX_DATA, value);
            assert_eq!(judged_parameters(parameters), TRANSPORT_PARAMETER_ERROR, "{value:x?}");
        }
    }
}

mod frames {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn an_unknown_type_is_an_encoding_error() {
        // RFC 9000 section 12.4.
        for kind in [0x20, 0x3f, 0x4242, MAX_VARINT] {
            assert_eq!(judged(Frames::new().numbers(&[kind])), FRAME_ENCODING_ERROR, "{kind:#x}");
        }
    }

    #[test]
    fn a_truncated_frame_is_an_encoding_error() {
        for frame in [&[0x04, 0x02][..], &[0x06, 0x00, 0x05, 0x01], &[0x1a, 1, 2, 3], &[0x0a, 0x02, 0x41]] {
            assert_eq!(judged(Frames::new().raw(frame)), FRAME_ENCODING_ERROR, "{frame:x?}");
        }
    }

    #[test]
    fn max_streams_beyond_2_60_is_an_encoding_error() {
        for uni in [false, true] {
            // RFC 9000 section 19.11.
            assert_eq!(judged(Frames::new().max_streams(uni, (1 << 60) + 1)), FRAME_ENCODING_ERROR);
            let mut assault = Assault::established();
            assault.send(Space::OneRtt, Frames::new().max_streams(uni, 1 << 60));
            assert_eq!(assault.verdict(), None);
        }
    }

    #[test]
    fn streams_blocked_beyond_2_60_is_an_error() {
        for uni in [false, true] {
            // RFC 9000 section 19.14: STREAM_LIMIT_ERROR or FRAME_ENCODING_ERROR.
            let code = judged(Frames::new().streams_blocked(uni, (1 << 60) + 1));
            assert!([STREAM_LIMIT_ERROR, FRAME_ENCODING_ERROR].contains(&code), "{code:#x}");
        }
    }

    #[test]
    fn new_connection_id_retires_no_later_ones_and_has_1_to_20_bytes() {
        // RFC 9000 section 19.15.
        assert_eq!(judged(Frames::new().new_connection_id(1, 2, b"12345678")), FRAME_ENCODING_ERROR);
        assert_eq!(judged(Frames::new().new_connection_id(1, 0, b"")), FRAME_ENCODING_ERROR);
        assert_eq!(judged(Frames::new().new_connection_id(1, 0, &[1; 21])), FRAME_ENCODING_ERROR);
    }

    #[test]
    fn more_connection_ids_than_the_limit_are_an_error() {
        // RFC 9000 section 5.1.1.
        let frames = (1..=16).fold(Frames::new(), |frames, n| frames.new_connection_id(n, 0, &[n as u8; 8]));
        assert_eq!(judged(frames), CONNECTION_ID_LIMIT_ERROR);
    }

    #[test]
    fn a_connection_id_never_given_cannot_be_retired() {
        // RFC 9000 section 19.16.
        assert_eq!(judged(Frames::new().retire_connection_id(1000)), PROTOCOL_VIOLATION);
    }

    #[test]
    fn frames_that_only_servers_send_are_a_violation() {
        // RFC 9000 sections 19.7 and 19.20.
        assert_eq!(judged(Frames::new().new_token(b"token")), PROTOCOL_VIOLATION);
        assert_eq!(judged(Frames::new().handshake_done()), PROTOCOL_VIOLATION);
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_is_a_violation() {
        // RFC 9000 section 13.1.
        assert_eq!(judged(Frames::new().ack(1 << 20, 0, &[])), PROTOCOL_VIOLATION);
    }

    #[test]
    fn an_acknowledgement_of_numbers_below_zero_is_an_encoding_error() {
        // RFC 9000 section 19.3.1.
        assert_eq!(judged(Frames::new().ack(1, 2, &[])), FRAME_ENCODING_ERROR);
        assert_eq!(judged(Frames::new().ack(1, 0, &[(0, 9)])), FRAME_ENCODING_ERROR);
    }
}

mod packets {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_packet_without_frames_is_a_violation() {
        // RFC 9000 section 12.4. Four bytes at least are needed behind the packet number, and the tag has more.
        assert_eq!(judged(Frames::new()), PROTOCOL_VIOLATION);
    }

    #[test]
    fn reserved_bits_are_a_violation_in_handshake_packets() {
        // RFC 9000 section 17.2.
        let mut assault = handshaking();
        let shape = Shape { reserved: 3, ..Shape::default() };
        assault.rogue.send_shaped(Space::Handshake, &Frames::new().ping(), &shape);
        assault.exchange();
        assert_eq!(assault.verdict().map(|(code, _)| code), Some(PROTOCOL_VIOLATION));
    }

    #[test]
    fn reserved_bits_are_a_violation_in_1_rtt_packets() {
        // RFC 9000 section 17.3.1.
        let mut assault = Assault::established();
        let shape = Shape { reserved: 3, ..Shape::default() };
        assault.rogue.send_shaped(Space::OneRtt, &Frames::new().ping(), &shape);
        assault.exchange();
        assert_eq!(assault.verdict().map(|(code, _)| code), Some(PROTOCOL_VIOLATION));
    }

    #[test]
    fn the_spin_bit_may_spin() {
        let mut assault = Assault::established();
        for spin in [true, false, true] {
            assault.rogue.send_shaped(Space::OneRtt, &Frames::new().ping(), &Shape { spin, ..Shape::default() });
        }
        assault.exchange();
        assert_eq!(assault.verdict(), None);
    }

    #[test]
    fn handshake_packets_carry_few_frames() {
        // RFC 9000 sections 12.4 and 17.2.4.
        assert_eq!(judged_in_handshake(Frames::new().path_challenge(1)), PROTOCOL_VIOLATION);
        assert_eq!(judged_in_handshake(Frames::new().stream(0, 0, b"x", false)), PROTOCOL_VIOLATION);
        assert_eq!(judged_in_handshake(Frames::new().handshake_done()), PROTOCOL_VIOLATION);
    }

    #[test]
    fn packets_of_0_rtt_are_dropped_because_we_take_none() {
        // RFC 9001 section 8.3 forbids CRYPTO in them; without 0-RTT keys nothing in them is ever read.
        let mut assault = Assault::established();
        for length in [0u8, 3, 40, 63] {
            let mut packet = vec![0xd3, 0, 0, 0, 1, assault.rogue.remote.len() as u8];
            packet.extend_from_slice(&assault.rogue.remote);
            packet.extend([0, length]);
            packet.extend(vec![0x5a; length.into()]);
            assault.rogue.send_datagram(packet);
        }
        assault.send(Space::OneRtt, Frames::new().stream(CLIENT_UNI, 0, b"x", true));
        assert_eq!(assault.verdict(), None);
        assert!(assault.target.events.iter().any(|event| matches!(event, Event::Data { .. })));
    }

    #[test]
    fn a_repeated_packet_is_processed_once() {
        let mut assault = Assault::established();
        let packet =
            assault.rogue.packet(Space::OneRtt, &Frames::new().stream(CLIENT_UNI, 0, b"x", true), &Shape::default());
        for _ in 0..100 {
            assault.rogue.send_datagram(packet.clone());
        }
        assault.exchange();
        assert_eq!(assault.verdict(), None);
        let told = assault.target.events.iter().filter(|event| matches!(event, Event::Data { .. })).count();
        assert_eq!(told, 1);
    }
}

mod stream_states {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn reset_stream_on_a_stream_we_only_send_on() {
        // RFC 9000 section 19.4.
        assert_eq!(judged(Frames::new().reset_stream(SERVER_UNI, 0, 0)), STREAM_STATE_ERROR);
    }

    #[test]
    fn stop_sending_on_a_stream_that_does_not_exist_or_that_we_only_receive_on() {
        // RFC 9000 section 19.5.
        assert_eq!(judged(Frames::new().stop_sending(SERVER_BIDI, 0)), STREAM_STATE_ERROR);
        assert_eq!(judged(Frames::new().stop_sending(SERVER_UNI, 0)), STREAM_STATE_ERROR);
        assert_eq!(judged(Frames::new().stop_sending(CLIENT_UNI, 0)), STREAM_STATE_ERROR);
    }

    #[test]
    fn data_on_a_stream_of_ours_that_we_have_not_opened_or_only_send_on() {
        // RFC 9000 section 19.8.
        assert_eq!(judged(Frames::new().stream(SERVER_BIDI, 0, b"x", false)), STREAM_STATE_ERROR);
        assert_eq!(judged(Frames::new().stream(SERVER_UNI, 0, b"x", false)), STREAM_STATE_ERROR);
    }

    #[test]
    fn max_stream_data_on_a_stream_that_we_have_not_opened_or_only_receive_on() {
        // RFC 9000 section 19.10.
        assert_eq!(judged(Frames::new().max_stream_data(SERVER_BIDI, 9)), STREAM_STATE_ERROR);
        assert_eq!(judged(Frames::new().max_stream_data(SERVER_UNI, 9)), STREAM_STATE_ERROR);
        assert_eq!(judged(Frames::new().max_stream_data(CLIENT_UNI, 9)), STREAM_STATE_ERROR);
    }

    #[test]
    fn streams_may_open_out_of_order() {
        let mut assault = Assault::established();
        for n in [5, 2, 7, 0] {
            assault.send(Space::OneRtt, Frames::new().stream(CLIENT_UNI + 4 * n, 0, b"x", true));
        }
        assert_eq!(assault.verdict(), None);
    }
}

mod tls {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const KEY_UPDATE: u8 = 24;
    const END_OF_EARLY_DATA: u8 = 5;

    #[test]
    fn key_update_messages_have_no_place_in_quic() {
        // RFC 9001 section 6.
        let message = tls_message(KEY_UPDATE, &[0]);
        assert_eq!(judged_in_handshake(Frames::new().crypto(0, &message)), UNEXPECTED_MESSAGE);
        assert_eq!(judged(Frames::new().crypto(0, &message)), UNEXPECTED_MESSAGE);
    }

    #[test]
    fn end_of_early_data_has_no_place_in_quic() {
        // RFC 9001 section 8.3.
        let message = tls_message(END_OF_EARLY_DATA, &[]);
        assert_eq!(judged_in_handshake(Frames::new().crypto(0, &message)), UNEXPECTED_MESSAGE);
    }

    #[test]
    fn no_common_protocol() {
        // RFC 9001 section 8.1.
        let options = Options { alpn: &["other"], ..Options::default() };
        assert_eq!(judged_hello(options), NO_APPLICATION_PROTOCOL);
        assert_eq!(judged_hello(Options { alpn: &[], ..Options::default() }), NO_APPLICATION_PROTOCOL);
    }

    #[test]
    fn no_transport_parameters() {
        // RFC 9001 section 8.2.
        let hello = ClientHello::WithoutParameters;
        assert_eq!(judged_hello(Options { hello, ..Options::default() }), MISSING_EXTENSION);
    }

    /// Section 8.2 asks for missing_extension. rustls reads them there too and answers under RFC 9001's number, which such
    /// a client cannot have offered and so must refuse: no connection comes of it.
    #[test]
    fn transport_parameters_under_the_drafts_number_lead_nowhere() {
        let mut assault = Assault::new(Options { hello: ClientHello::DraftParameters, ..Options::default() });
        assault.exchange();
        assert_eq!(assault.verdict(), None);
        assert_eq!(assault.rogue.hello, Hello::Failed);
        assert_eq!(assault.target.connected(), [0_u32; 0]);
        assault.pass(11 * SECOND);
        assert!(matches!(assault.target.events[..], [Event::Closed { by: ClosedBy::Idle, code: 1, .. }, ..]));
    }

    #[test]
    fn a_client_hello_in_many_packets_is_fine() {
        let parameters = Parameters::usual().with(0x1f_1f, &[7; 5000]);
        Assault::established_with(Options { parameters, ..Options::default() });
    }

    #[test]
    fn crypto_far_ahead_of_what_was_read_exceeds_the_buffer() {
        // RFC 9000 section 7.5.
        assert_eq!(judged(Frames::new().crypto(1 << 20, b"x")), CRYPTO_BUFFER_EXCEEDED);
        assert_eq!(judged_in_handshake(Frames::new().crypto(1 << 20, b"x")), CRYPTO_BUFFER_EXCEEDED);
    }
}
