//! The end of a connection that costs too much. What it holds is given back at once, and not after three probe time-outs as
//! RFC 9000 section 10.2 has it: who comes again and again holds no more than one.

use bytes::Bytes;
use quinn_proto::EndpointEvent;

use crate::{ClosedBy, ingest::record, instance::Instance};

impl Instance {
    /// Closes a connection and forgets it. The peer gets one CONNECTION_CLOSE, and for what it sends later stateless resets.
    pub(crate) fn expel(&mut self, handle: u32, by: ClosedBy, reason: &'static [u8], now: u64) {
        let instant = self.clock.instant(now);
        let Some(connection) = self.connections.get_mut(handle) else { return };
        let code = connection.overload_code();
        connection.quic.close(instant, code, Bytes::from_static(reason));
        if let Some(slot) = self.transmit.take() {
            match connection.quic.poll_transmit(instant, 1, self.transmit.buffer(slot)) {
                Some(transmit) => {
                    let record = record(slot, &transmit, connection.endpoint, connection.peer);
                    self.transmit.push(record);
                }
                None => self.transmit.give_back(slot),
            }
        }
        let place = connection.place;
        if let Some(endpoint) = self.endpoints.get_mut(connection.endpoint)
            && let Some(shard) = endpoint.shards.get_mut(place.shard)
        {
            while let Some(event) = connection.quic.poll_endpoint_events() {
                shard.quic.handle_event(place.handle, event);
            }
            shard.quic.handle_event(place.handle, EndpointEvent::drained());
        }
        self.end_connection(handle, by, code.into_inner(), Bytes::from_static(reason));
        self.forget_connection(handle);
    }
}
