//! How well-known programs are told a backlog or keepalive: the line of their configuration.

/// Lines of configuration by command name: the backlog of a listener.
const BACKLOG: [(&str, &str, &str); 9] = [
    ("nginx", "listen PORT backlog=", ";"),
    ("redis-server", "tcp-backlog ", ""),
    ("valkey-server", "tcp-backlog ", ""),
    ("haproxy", "backlog ", " in its frontend"),
    ("apache2", "ListenBackLog ", ""),
    ("httpd", "ListenBackLog ", ""),
    ("mysqld", "back_log = ", " below [mysqld]"),
    ("mariadbd", "back_log = ", " below [mysqld]"),
    ("gunicorn", "--backlog ", ""),
];
/// Lines of configuration by command name: keepalive of accepted connections.
const KEEPALIVE: [(&str, &str); 5] = [
    ("nginx", "listen PORT so_keepalive=on;"),
    ("haproxy", "option clitcpka"),
    ("redis-server", "tcp-keepalive 300"),
    ("valkey-server", "tcp-keepalive 300"),
    ("sshd", "TCPKeepAlive yes"),
];

/// Returns how a process is told its backlog.
pub(super) fn backlog(process: &str, port: u16, backlog: u64) -> String {
    let known = BACKLOG.iter().find(|(name, ..)| *name == process);
    known.map_or_else(
        || format!("listen(fd, {backlog}) in the program, or its setting for that"),
        |(_, before, behind)| {
            let line = format!("{before}{backlog}{behind}").replace("PORT", &port.to_string());
            format!("`{line}` in its configuration, and a restart")
        },
    )
}

/// Returns how a process turns keepalive on for what it accepts.
pub(super) fn keepalive(process: &str) -> String {
    let known = KEEPALIVE.iter().find(|(name, _)| *name == process);
    known.map_or_else(
        || {
            "setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int)) in the program, or \
             its setting for that; no sysctl turns it on"
                .to_owned()
        },
        |(_, line)| format!("`{line}` in its configuration; no sysctl turns it on"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_program_has_its_line_and_another_the_call() {
        assert!(backlog("nginx", 443, 1024).contains("`listen 443 backlog=1024;`"));
        assert!(backlog("x", 443, 1024).contains("listen(fd, 1024)"));
        assert!(keepalive("sshd").contains("`TCPKeepAlive yes`"));
        assert!(keepalive("x").contains("SO_KEEPALIVE"));
    }
}
