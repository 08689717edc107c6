//! Frames: the lists at several widths against `snapshots`, and whatever could garble one.
//!
//! `TCPWARDEN_BLESS=1 cargo test -p tcpwarden --lib -- top::` writes the snapshots anew.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::*;
use crate::golden;
use crate::leaks::suspect::Suspect;
use crate::listing::group::{Group, Grouped};
use crate::query::connections::Connections;
use crate::query::trouble::{Line, Troubles};
use crate::top::ask::Answers;
use crate::top::model::Model;
use crate::top::page::Page;
use crate::top::readings::Reading;
use crate::top::tests::{answers, empty, of, sockets, suspect};

/// The model on a screen of a size.
fn drawn(model: &Model, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(model, frame.area(), frame.buffer_mut())).unwrap();
    terminal.backend().buffer().clone()
}

/// The lines of a screen. A wide letter stands for the two columns that it takes.
fn lines(buffer: &Buffer) -> Vec<String> {
    let Rect { width, height, .. } = buffer.area;
    let line = |y: u16| {
        let (mut line, mut x) = (String::new(), 0);
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(fit::width(symbol)).unwrap().max(1);
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

fn text(model: &Model, width: u16, height: u16) -> String {
    lines(&drawn(model, width, height)).join("\n") + "\n"
}

/// A page of an agent at some step.
fn page(step: u32) -> Reading {
    let of = "process=\"orders-api\",workload=\"orders.service\"";
    let port = format!("{of},port=\"8080\"");
    let text = format!(
        "tcpwarden_connections{{{of},role=\"client\",state=\"close_wait\"}} 60\n\
         tcpwarden_connections{{{of},role=\"server\",state=\"established\"}} 1204\n\
         tcpwarden_connections{{{of},role=\"server\",state=\"listen\"}} 1\n\
         tcpwarden_connections{{process=\"界世\",workload=\"host\",state=\"syn_sent\"}} 7\n\
         tcpwarden_time_wait_sockets{{netns=\"host\"}} 311\n\
         tcpwarden_connections_opened_total{{{port},role=\"server\"}} {opened}\n\
         tcpwarden_connections_closed_total{{{port},reason=\"fin_remote\"}} {opened}\n\
         tcpwarden_connect_failures_total{{{of},port=\"5432\",reason=\"refused\"}} {step}\n\
         tcpwarden_retransmitted_segments_total{{{of}}} {step}\n\
         tcpwarden_process_open_fds{{{of}}} 870\n\
         tcpwarden_process_max_fds{{{of}}} 1024\n\
         tcpwarden_ephemeral_ports_used_ratio{{netns=\"host\"}} 0.12\n\
         tcpwarden_listen_sockets{{{port}}} 1\n\
         tcpwarden_listen_backlog{{{port}}} 70\n\
         tcpwarden_listen_backlog_limit{{{port}}} 128\n\
         tcpwarden_listen_backlog_used_ratio{{{port}}} 0.54\n\
         tcpwarden_listen_drops_total{{{port}}} {step}\n\
         tcpwarden_listen_oldest_unaccepted_age_seconds{{{port}}} 3\n\
         tcpwarden_events_lost_total{{ring=\"state\"}} 0\n\
         tcpwarden_connections_refused_total 0\n\
         tcpwarden_connections_tracked 1272\n\
         tcpwarden_connections_limit 1000000\n\
         tcpwarden_reconcile_last_completed_timestamp_seconds 1795270600\n\
         process_start_time_seconds 1700000000\n",
        opened = 100 * step
    );
    Reading { at: Duration::from_secs((2 * step).into()), page: Page::read(&text) }
}

/// What the agent of the snapshots answers at a step.
fn step(step: u32, suspects: Vec<Suspect>) -> Answers {
    let peer = |last: u8, connections: u64| Group {
        peer_address: Some([10, 0, 0, last].into()),
        peer_port: (last > 8).then_some(5432),
        connections,
        oldest_age_seconds: 75.0,
        bytes_sent: 1 << 40,
        ..Group::default()
    };
    let groups = vec![peer(9, 60), peer(8, 1204)];
    let grouped = Some(Grouped { known: 2, groups, ..Grouped::default() });
    let line = Line {
        kind: "failures".to_owned(),
        role: "client".to_owned(),
        process: "orders-api".to_owned(),
        sentence: "process orders-api (pid 1077, host) failed 3 connects to 10.0.0.9:5432: refused"
            .to_owned(),
        peer_address: [10, 0, 0, 9].into(),
        port: 5432,
        count: 3,
        last_seen_seconds: 2.0,
        ..Line::default()
    };
    Answers {
        page: Some(Ok(page(step))),
        peers: Some(Ok(Connections { grouped, ..Connections::default() })),
        troubles: Some(Ok(Troubles { troubles: vec![line], ..Troubles::default() })),
        at: Duration::from_secs((2 * step).into()),
        ..answers(suspects)
    }
}

/// The model of the snapshots on a tab.
fn on(tab: Tab) -> Model {
    let hostile = || suspect("界界\u{1b}[2J\u{202e}世", 7);
    let mut model = empty();
    model.take(step(1, vec![suspect("gone", 3), hostile()]));
    model.take(step(2, vec![suspect("orders-api", 60), hostile()]));
    model.go_to(tab);
    model
}

#[test]
fn every_tab_at_every_width_is_as_it_is_committed() {
    for (tab, name) in Tab::ALL {
        let model = on(tab);
        for width in [80, 100, 200] {
            let now = text(&model, width, 24);
            let file = format!("src/top/view/snapshots/{}-{width}.txt", name.to_lowercase());
            golden::compare(&file, &now);
        }
    }
}

#[test]
fn every_size_is_drawn() {
    for model in [empty(), on(Tab::Suspects), on(Tab::Listeners), on(Tab::Events)] {
        for (width, height) in [(1, 1), (7, 3), (20, 5), (79, 8), (80, 24), (300, 3), (500, 200)] {
            drawn(&model, width, height);
        }
    }
}

#[test]
fn with_few_lines_the_list_stays_and_the_rest_gives_way() {
    let model = on(Tab::Suspects);
    let short = lines(&drawn(&model, 80, 8));
    assert!(short[0].contains("1 Suspects"), "{short:?}");
    assert!(short[1].contains("PROCESS") && short[2].contains("orders-api"), "{short:?}");
    assert!(short[7].contains("2 of 2 suspects"), "{short:?}");
}

#[test]
fn the_selected_row_is_on_the_screen_among_a_thousand() {
    let mut model = of((0..1000).map(|one| suspect(&format!("p{one:03}"), 2000 - one)).collect());
    for (place, name) in [(0, "p000"), (500, "p500"), (999, "p999")] {
        model.select(place);
        assert!(text(&model, 80, 24).contains(&format!(" {name} ")), "{name}");
    }
}

#[test]
fn names_of_any_kind_leave_the_other_columns_where_they_are() {
    for name in ["\u{1b}[2J\u{7}\n", "界", "e\u{301}", "👩‍👩‍👧", &"界".repeat(10_000), "", "\u{202e}x"]
    {
        let model = of(vec![suspect(name, 42)]);
        let buffer = drawn(&model, 80, 24);
        let head = lines(&buffer).into_iter().find(|line| line.contains("CONNS")).unwrap();
        let end = fit::width(head.split_once("CONNS").unwrap().0) + 5;
        let row = 7;
        let at = |column: usize| buffer[(u16::try_from(column).unwrap(), row)].symbol();
        assert_eq!((at(end - 2), at(end - 1)), ("4", "2"), "{name:?}: {:?}", lines(&buffer));
        let evil = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
        assert!(!buffer.content().iter().any(evil), "{name:?}");
    }
}

#[test]
fn no_frame_has_a_colour_without_colours() {
    let is_colored = |model: &Model| {
        let buffer = drawn(model, 200, 24);
        buffer.content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    let mut model = on(Tab::Suspects);
    assert!(is_colored(&model));
    model.colors = false;
    for (tab, _) in Tab::ALL {
        model.go_to(tab);
        model.data.fail("gone");
        assert!(!is_colored(&model), "{tab:?}");
    }
}

#[test]
fn an_agent_that_went_away_is_told_and_what_was_known_stays() {
    let mut model = on(Tab::Suspects);
    model.data.fail("Connection refused\u{1b}[2J");
    let text = text(&model, 120, 24);
    assert!(
        text.contains("no answer, trying again; what is shown is of 14:16:55: Connection refused"),
        "{text}"
    );
    assert!(text.contains("orders-api"), "{text}");
}

#[test]
fn help_filter_and_freeze_are_on_the_screen() {
    let mut model = on(Tab::Suspects);
    model.frozen = true;
    model.mode = Mode::Filter;
    model.view_mut().filter = "ord".to_owned();
    assert!(text(&model, 80, 24).contains("FROZEN") && text(&model, 80, 24).contains("/ord_"));
    model.mode = Mode::List;
    model.arrange();
    assert!(text(&model, 80, 24).contains("1 of 2 rows contain ord"), "{}", text(&model, 80, 24));
    model.mode = Mode::Help;
    let help = text(&model, 80, 24);
    for (key, _) in keys::HELP {
        assert!(help.contains(key), "{key}: {help}");
    }
}

#[test]
fn a_socket_has_all_its_fields_on_the_screen() {
    let mut model = on(Tab::Suspects);
    model.enter();
    let query = model.wish(false).sockets.unwrap();
    model.take(sockets(&query, &[40000]));
    assert!(text(&model, 80, 24).contains("> sockets of orders-api"));
    model.enter();
    let life = text(&model, 80, 24);
    assert!(life.contains("FIELD") && life.contains("connection_age_seconds"), "{life}");
}

/// `cargo xtask picture` draws it anew.
#[test]
fn the_picture_of_the_readme_has_the_header_the_tabs_the_list_and_the_keys_that_there_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/images/top.svg");
    let svg = std::fs::read_to_string(path).unwrap();
    let parts = svg.split('<').filter_map(|part| part.split_once('>'));
    let texts: Vec<&str> = parts.map(|(_, text)| text).collect();
    let mut model = empty();
    let mut words: Vec<String> = Vec::new();
    for line in &lines(&drawn(&model, 100, 24))[1..header::LINES] {
        let pieces: Vec<&str> = line.trim().split("  ").collect();
        words.push(pieces[0].to_owned());
        // The last ones of a line have no room there.
        let names = pieces.iter().take(3).filter_map(|piece| piece.strip_suffix('-'));
        words.extend(names.map(str::to_owned));
    }
    words.extend(Tab::ALL.map(|(tab, name)| format!("{} {name}", tab.place() + 1)));
    model.take(answers(vec![suspect("orders-api", 60)]));
    let columns = model.shown.table.columns;
    words.extend(columns.iter().take(5).map(|column| column.name.to_owned()));
    words.extend(HINTS.map(|hint| hint.replace('<', "&lt;").replace('>', "&gt;")));
    assert!(words.len() > 25, "{words:?}");
    for word in words {
        let is_there = texts.iter().any(|text| text.starts_with(&word));
        assert!(is_there, "{word:?} is not in docs/images/top.svg");
    }
}
