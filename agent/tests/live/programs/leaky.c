/* Servers that leak connections in the ways that need fork, exec and descriptor passing as C programs use them.
 *
 *     leaky WAY NAME COUNT
 *
 * Listens on a free port of 127.0.0.1, prints "port PORT", accepts COUNT connections, leaks them, prints
 * "held by PID" for each process that holds them then and "ready", and ends when its input does.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 512

static int held[MOST];
static int count;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void name(const char *base, const char *suffix)
{
	char full[16];
	snprintf(full, sizeof full, "%.11s%s", base, suffix);
	prctl(PR_SET_NAME, full);
}

static void say_held(void)
{
	printf("held by %d\n", getpid());
	fflush(stdout);
}

/* Nothing else happens to the connections from here on. */
static void wait_for_end(void)
{
	char byte;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	exit(0);
}

static void accept_all(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, MOST))
		fail("listen");
	if (getsockname(listener, (struct sockaddr *)&address, &length))
		fail("getsockname");
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (int i = 0; i < count; i++) {
		held[i] = accept(listener, NULL, NULL);
		if (held[i] < 0)
			fail("accept");
	}
	close(listener);
}

/* Reads to the end of each stream, as a server does that then forgets to close. */
static void read_all(void)
{
	char rest[256];
	for (int i = 0; i < count; i++)
		while (read(held[i], rest, sizeof rest) > 0)
			;
}

static void close_all(void)
{
	for (int i = 0; i < count; i++)
		close(held[i]);
}

static void send_descriptor(int to, int descriptor)
{
	char byte = 0, control[CMSG_SPACE(sizeof descriptor)] = { 0 };
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof descriptor);
	memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
	if (sendmsg(to, &message, 0) != 1)
		fail("sendmsg");
}

static int receive_descriptor(int from)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	int descriptor;
	if (recvmsg(from, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		fail("recvmsg");
	memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
	return descriptor;
}

/* The accepting process hands every connection to another one and forgets it. */
static void pass(const char *base)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		fail("socketpair");
	pid_t child = fork();
	if (child == 0) {
		name(base, "-got");
		close_all();
		for (int i = 0; i < count; i++)
			held[i] = receive_descriptor(ends[1]);
		say_held();
		puts("ready");
		fflush(stdout);
		wait_for_end();
	}
	for (int i = 0; i < count; i++)
		send_descriptor(ends[0], held[i]);
	close_all();
	wait(NULL);
}

int main(int argc, char **argv)
{
	const char *way = argc == 4 ? argv[1] : "";
	if (!strcmp(way, "go-on")) {
		/* After exec: the descriptors are there, the program is another one. */
		say_held();
		puts("ready");
		fflush(stdout);
		wait_for_end();
	}
	count = argc == 4 ? atoi(argv[3]) : 0;
	if (count < 1 || count > MOST) {
		fprintf(stderr, "usage: leaky hold|both|child|pass|exec NAME COUNT (at most %d)\n", MOST);
		return 2;
	}
	name(argv[2], "");
	accept_all();
	read_all();
	if (!strcmp(way, "pass")) {
		pass(argv[2]);
		return 0;
	}
	if (!strcmp(way, "exec")) {
		/* NAME is the path of a link to this program; its last part becomes the process name. */
		execl(argv[2], argv[2], "go-on", argv[2], argv[3], NULL);
		fail("exec");
	}
	if (!strcmp(way, "both") || !strcmp(way, "child")) {
		int ready[2];
		char byte;
		if (pipe(ready))
			fail("pipe");
		if (fork() == 0) {
			name(argv[2], "-kid");
			say_held();
			if (!strcmp(way, "child")) {
				/* The parent ends when this end of the pipe is closed. */
				close(ready[1]);
				close(ready[0]);
				sleep(1);
				puts("ready");
				fflush(stdout);
			}
			close(ready[1]);
			wait_for_end();
		}
		close(ready[1]);
		(void)!read(ready[0], &byte, 1);
		if (!strcmp(way, "child"))
			return 0;
	}
	say_held();
	puts("ready");
	fflush(stdout);
	wait_for_end();
}
