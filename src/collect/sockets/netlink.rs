//! A question for the sockets of one port, and its answer (sock_diag(7)): what `ss` asks, without starting it.

use std::io;
use std::net::SocketAddr;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::{STATES, Socket, state_name};

/// The most that the kernel puts into one piece of an answer (`netlink_recvmsg`), where the reader has room for it.
const PIECE: usize = 32 << 10;

/// Tells of each connection of a port. An error, also after some were told, where the kernel or a sandbox does not allow
/// the question.
pub(super) fn each(port: u16, buffer: &mut Vec<u8>, mut found: impl FnMut(Socket)) -> io::Result<()> {
    // A new one each time costs some microseconds, and has nothing left over from a question that failed.
    let mut kernel = netlink_sys::Socket::new(NETLINK_SOCK_DIAG)?;
    kernel.bind_auto()?;
    kernel.connect(&netlink_sys::SocketAddr::new(0, 0))?;
    // The kernel has its answer ready when it is asked for it: nothing is to be waited for.
    kernel.set_non_blocking(true)?;
    for mut id in [SocketId::new_v4(), SocketId::new_v6()] {
        id.source_port = port;
        let question = question(id);
        buffer.resize(question.buffer_len(), 0);
        question.serialize(buffer);
        kernel.send(buffer, 0)?;
        while read_piece(&kernel, buffer, &mut found)? {}
    }
    Ok(())
}

fn question(socket_id: SocketId) -> NetlinkMessage<SockDiagMessage> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let states = STATES.iter().fold(0, |states, (number, _)| states | 1 << number);
    let request = InetRequest {
        family: if socket_id.source_address.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::from_bits_truncate(states),
        socket_id,
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    message
}

/// Reads a piece of an answer; whether another one follows.
fn read_piece(kernel: &netlink_sys::Socket, buffer: &mut Vec<u8>, found: &mut impl FnMut(Socket)) -> io::Result<bool> {
    buffer.clear();
    buffer.reserve(PIECE);
    kernel.recv(buffer, 0)?;
    let mut rest = buffer.as_slice();
    while !rest.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(io::Error::other)?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                if let Some(socket) = socket(&response.header) {
                    found(socket);
                }
            }
            NetlinkPayload::Done(_) => return Ok(false),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            _ => {}
        }
        // Messages begin at multiples of four.
        let length = (message.header.length as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(true)
}

fn socket(header: &InetResponseHeader) -> Option<Socket> {
    let id = &header.socket_id;
    Some(Socket {
        state: state_name(header.state)?,
        recv_q: header.recv_queue,
        send_q: header.send_queue,
        local: SocketAddr::new(id.source_address, id.source_port),
        peer: SocketAddr::new(id.destination_address, id.destination_port),
    })
}
