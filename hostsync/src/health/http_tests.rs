//! A thousand looks at each kind of server that is found in the field: none may be wrong.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Fault, HEAD, Head, Status, get};

const PROBES: usize = 1_000;
/// Looks at one time; enough to keep both sides busy.
const LANES: usize = 4;
/// A look that takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was said other than `right`, and how often, by looks at a server that does this to each
/// connection.
#[track_caller]
fn all_say(right: Result<(), &str>, serve: fn(TcpStream)) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = listener.local_addr().unwrap();
    // Ends with the process: nobody can be waiting for it.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let said = runtime.block_on(async {
        let lanes: Vec<_> = (0..LANES).map(|_| tokio::spawn(looks(target))).collect();
        let mut said = Vec::new();
        for lane in lanes {
            said.extend(lane.await.unwrap());
        }
        said
    });
    assert_eq!(said.len(), PROBES);
    let right = right.map_err(str::to_owned);
    let mut wrong = BTreeMap::<_, usize>::new();
    for other in said.into_iter().filter(|said| *said != right) {
        *wrong.entry(other).or_default() += 1;
    }
    assert!(wrong.is_empty(), "of {PROBES}: {wrong:#?}");
}

async fn looks(target: SocketAddr) -> Vec<Result<(), String>> {
    let mut said = Vec::new();
    for _ in 0..PROBES / LANES {
        let stream = tokio::net::TcpStream::connect(target).await.unwrap();
        let look = tokio::time::timeout(PATIENCE, get(stream, target, "/x?y=1"));
        said.push(look.await.unwrap_or_else(|_| Err("it hangs".into())));
    }
    said
}

/// Reads a whole request; false where there is none.
fn request(stream: &mut TcpStream) -> bool {
    let (mut text, mut bytes) = (Vec::new(), [0; 1024]);
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Ok(count @ 1..) => text.extend_from_slice(&bytes[..count]),
            _ => return false,
        }
    }
    assert!(text.starts_with(b"GET /x?y=1 HTTP/1.1\r\n"));
    true
}

/// Reads a request, answers it, and closes.
fn answer(mut stream: TcpStream, answer: &str) {
    if request(&mut stream) {
        // A client that has seen enough may be gone.
        let _ = stream.write_all(answer.as_bytes());
    }
}

/// Waits until the client closes.
fn hold(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    while matches!(stream.read(&mut bytes), Ok(1..)) {}
}

#[test]
fn connection_close() {
    all_say(Ok(()), |stream| {
        answer(
            stream,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        );
    });
}

#[test]
fn keep_alive() {
    all_say(Ok(()), |mut stream| {
        while request(&mut stream) {
            let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(text).unwrap();
        }
    });
}

/// As `python3 -m http.server` does it: the head, then the page, then the end.
#[test]
fn http_1_0() {
    all_say(Ok(()), |mut stream| {
        if request(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n");
            let _ = stream.write_all(b"<p>hello</p>");
        }
    });
}

#[test]
fn chunked() {
    all_say(Ok(()), |stream| {
        answer(
            stream,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
             2\r\nok\r\n0\r\n\r\n",
        );
    });
}

#[test]
fn slow() {
    all_say(Ok(()), |mut stream| {
        stream.set_nodelay(true).unwrap();
        if request(&mut stream) {
            for piece in ["HTT", "P/1.1 20", "0 OK\r\nA: b\r\n\r", "\n"] {
                let _ = stream.write_all(piece.as_bytes());
                std::thread::sleep(Duration::from_micros(100));
            }
        }
    });
}

#[test]
fn a_page_far_larger_than_is_read() {
    all_say(Ok(()), |mut stream| {
        if request(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
            let _ = stream.write_all(&[b'x'; 1_000_000]);
        }
    });
}

/// Else its log would have an error for each look.
#[test]
fn a_server_can_send_its_page() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    all_say(Ok(()), |mut stream| {
        stream.set_nodelay(true).unwrap();
        if request(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
            std::thread::sleep(Duration::from_millis(1));
            let sent = (0..8).try_for_each(|_| stream.write_all(&[b'x'; 4096]));
            SENT.fetch_add(usize::from(sent.is_ok()), Ordering::Relaxed);
        }
    });
    // Some may be late on a machine that has much else to do.
    let sent = SENT.load(Ordering::Relaxed);
    assert!(sent > PROBES * 9 / 10, "only {sent} of {PROBES}");
}

#[test]
fn a_page_that_never_ends() {
    all_say(Ok(()), |mut stream| {
        if request(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
            hold(stream);
        }
    });
}

#[test]
fn nothing_but_a_head() {
    all_say(Ok(()), |stream| {
        answer(stream, "HTTP/1.1 204 No Content\r\n\r\n");
    });
}

#[test]
fn a_redirection_is_well() {
    all_say(Ok(()), |stream| {
        answer(stream, "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n");
    });
}

#[test]
fn a_reset_after_the_answer() {
    all_say(Ok(()), |mut stream| {
        if request(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            let reset = Some(Duration::ZERO);
            socket2::SockRef::from(&stream).set_linger(reset).unwrap();
        }
    });
}

/// What was not read of the request makes the kernel reset the connection.
#[test]
fn an_answer_before_the_request_was_read() {
    all_say(Ok(()), |mut stream| {
        let _ = stream.read(&mut [0; 4]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
}

/// As from `nc -l`, which does not wait to be asked.
#[test]
fn an_answer_without_reading() {
    all_say(Ok(()), |mut stream| {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nok");
    });
}

#[test]
fn many_headers_and_odd_ones() {
    all_say(Ok(()), |mut stream| {
        let many = "X-Header: value\r\n".repeat(500);
        let odd = "no colon\r\nA blank : x\r\nFolded: a\r\n b\r\nÄ: \u{1}\r\nContent-Length: x\r\n";
        if request(&mut stream) {
            let text = format!("HTTP/1.1 200\r\n{many}{odd}\r\nok");
            let _ = stream.write_all(text.as_bytes());
        }
    });
}

#[test]
fn news_before_the_answer() {
    all_say(Ok(()), |stream| {
        answer(
            stream,
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        );
    });
}

#[test]
fn not_found_is_told_as_such() {
    all_say(Err("/x?y=1 answers 404 Not Found"), |stream| {
        answer(
            stream,
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        );
    });
}

#[test]
fn a_failure_is_told_as_such() {
    all_say(Err("/x?y=1 answers 503 Service Unavailable"), |stream| {
        answer(stream, "HTTP/1.0 503 Service Unavailable\r\n\r\n");
    });
}

#[test]
fn no_answer() {
    let closed = "the connection was closed without an answer";
    all_say(Err(closed), |stream| answer(stream, ""));
}

#[test]
fn a_head_without_an_end() {
    let long = format!("the head of the answer is longer than {HEAD} bytes");
    all_say(Err(&long), |mut stream| {
        if request(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(&[b'x'; 65_536]).is_ok() {}
        }
    });
}

#[test]
fn another_protocol() {
    let foreign = "the answer is not HTTP: it begins with \"\\x15\\x03\\x01\\x00\\x02\\x02\\x16\"";
    all_say(Err(foreign), |mut stream| {
        if request(&mut stream) {
            // An alert of TLS.
            let _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 0x16]);
            hold(stream);
        }
    });
}

/// However the bytes are cut, they say the same.
#[test]
fn heads() {
    let status = |code, text: &str| {
        let text = text.to_owned();
        Ok(Status { code, text })
    };
    let foreign = |text: &str| Err(Fault::Foreign(text.into()));
    for (answer, right) in [
        (
            "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
            status(200, "200 OK"),
        ),
        (
            "HTTP/1.0 404 File not found\nA: b\n\n",
            status(404, "404 File not found"),
        ),
        ("HTTP/1.1 204\r\n\r\n", status(204, "204")),
        ("HTTP/2  503  \r\n\r\n", status(503, "503")),
        (
            "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            status(200, "200 OK"),
        ),
        ("HTTP/1.1 101 Other\r\n\r\n\0\0", status(101, "101 Other")),
        // Cut off: the first line is enough.
        ("HTTP/1.1 200 OK\r\n", status(200, "200 OK")),
        ("HTTP/1.1 500 No\r\nA: b\r\nB", status(500, "500 No")),
        ("HTTP/1.1 200 OK", Err(Fault::Torn)),
        ("HTTP/1.1 103 Hints\r\n", Err(Fault::Torn)),
        ("HTTP/1.1 103 Hints\r\n\r\n", Err(Fault::Torn)),
        ("", Err(Fault::Nothing)),
        ("HTTP/1.1 \r\n", foreign("HTTP/1.1 ")),
        ("HTTP/1.1 20\r\n", foreign("HTTP/1.1 20")),
        ("HTTP/1.1 2000\r\n", foreign("HTTP/1.1 2000")),
        ("HTTP/1.1 099 No\r\n", foreign("HTTP/1.1 099 No")),
        ("HTTP/1.1 +20 No\r\n", foreign("HTTP/1.1 +20 No")),
        ("HTTP/1.1\r\n", foreign("HTTP/1.1")),
    ] {
        for cut in 1..=answer.len().max(1) {
            let mut head = Head::default();
            let mut pieces = answer.as_bytes().chunks(cut);
            let said = pieces.find_map(|piece| head.take(piece).transpose());
            let said = said.unwrap_or_else(|| head.end());
            assert_eq!(said, right, "{answer:?} by {cut}");
        }
    }
}

#[test]
fn only_the_beginning_of_a_line_is_kept() {
    let mut head = Head::default();
    let long = vec![b'x'; HEAD - 100];
    for bytes in [b"HTTP/1.1 200 OK\r\nA: ", &long[..], b"\r\n"] {
        assert_eq!(head.take(bytes), Ok(None));
        assert!(head.line.capacity() < 1024);
    }
    assert_eq!(head.take(&[b'x'; 100]), Err(Fault::TooLong));
}
