//! `HTTP_GET { … }` and `SSL_GET { … }`: fetch URLs and judge them.

use super::{CheckerDraft, Method, dropped, remark};
use crate::config::block::real_server::RealServerDraft;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field, member};
use crate::config::lexer::Word;
use crate::config::schema::{Context, Keyword, keyword_rows, keywords};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise, unescape};
use std::fmt;
use std::ops::RangeInclusive;

/// `HTTP_GET` or `SSL_GET`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HttpCheck {
    /// `SSL_GET`.
    pub tls: bool,
    /// `http_protocol`.
    pub version: HttpVersion,
    /// `virtualhost`: Host header of URLs that have none of their own.
    pub virtualhost: Option<String>,
    /// `enable_sni`: name the server in the TLS handshake.
    pub enable_sni: bool,
    /// `sni_name`; `None`: the virtualhost.
    pub sni_name: Option<String>,
    /// `fast_recovery`: no pauses between URLs at start and recovery.
    pub fast_recovery: bool,
    /// `tls_compliant`: send close_notify.
    pub tls_compliant: bool,
    /// At least one.
    pub urls: Vec<Url>,
}

/// The version of a request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HttpVersion {
    /// 1.0
    #[default]
    V10,
    /// `1.0C`: 1.0 with `Connection: close`.
    V10Close,
    /// 1.1
    V11,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V10 => "1.0",
            Self::V10Close => "1.0C",
            Self::V11 => "1.1",
        })
    }
}

/// What to fetch and what to expect.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Url {
    /// As it stands in the request line.
    pub path: String,
    /// MD5 of the body.
    pub digest: Option<[u8; 16]>,
    /// Accepted codes.
    pub status_codes: StatusCodes,
    /// Host header.
    pub virtualhost: Option<String>,
    /// What the body has to match.
    pub regex: Option<Regex>,
    /// `tls_compliant`: send close_notify.
    pub tls_compliant: bool,
}

/// A pattern of PCRE2, and how it is applied.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Regex {
    /// With its backslash sequences made plain, as keepalived does before PCRE2 sees it.
    pub pattern: String,
    /// `regex_options`, in keepalived's order.
    pub options: Vec<&'static str>,
    /// A match is a failure.
    pub no_match: bool,
    /// Where in the body a match may start; `None`: anywhere.
    pub offsets: (usize, Option<usize>),
    /// `regex_stack`: first and largest size of the JIT stack; the largest of all URLs count.
    pub stack: Option<(usize, usize)>,
}

/// What a pattern has in common with those of other URLs.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct RegexUse {
    /// How many URLs have the same pattern and options: it is compiled once.
    pub(in crate::config) count: usize,
    /// All patterns share one stack: the largest sizes count.
    pub(in crate::config) stack: (usize, usize),
}

/// Ranges of status codes, sorted and joined; 200 to 299 where none is given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusCodes(Vec<(u16, u16)>);

impl Default for StatusCodes {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl StatusCodes {
    /// The ranges, both ends included.
    #[must_use]
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.0
    }

    /// Whether a code is accepted.
    #[must_use]
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&code))
    }

    /// Adds a range to those that are there.
    fn add(&mut self, first: u16, last: u16) {
        self.0.push((first, last));
        self.0.sort_unstable();
        let mut joined: Vec<(u16, u16)> = Vec::new();
        for (first, last) in self.0.drain(..) {
            match joined.last_mut() {
                Some(previous) if first <= previous.1 + 1 => previous.1 = previous.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        self.0 = joined;
    }
}

type HttpDraft = CheckerDraft<HttpCheck>;

impl HttpDraft {
    const HTTP: &'static [Keyword<Self>] = keyword_rows! {
        "nb_get_retry" Required "N" "0 to 4294967295" "" => nb_get_retry, "deprecated spelling of `retry`";
        "virtualhost" Optional "NAME" "" "as the servers" => virtualhost, "Host header of URLs that have none of their own";
        "http_protocol" Optional "VERSION" "1.0, 1.0C or 1.1" "1.0" => http_protocol, "version of the requests";
        "enable_sni" Optional "[BOOL]" "" "off" => enable_sni, "name the server in the TLS handshake";
        "sni_name" Optional "[NAME]" "" "the virtualhost" => sni_name, "name given in the TLS handshake; turns `enable_sni` on";
        "fast_recovery" Optional "[BOOL]" "" "off" => fast_recovery, "fetch all URLs without pauses at start and recovery";
    };
}

keywords! {
    /// `HTTP_GET`.
    HTTP_GET: HttpDraft, "HTTP_GET", None, with &[HttpDraft::HTTP, HttpDraft::CONNECTION, HttpDraft::TIMING];
    "url" Block(&HTTP_URL) "{…}" "" "at least one" => url, "a page to fetch";
}

keywords! {
    /// `SSL_GET`.
    SSL_GET: HttpDraft, "SSL_GET", None, with &[HttpDraft::HTTP, HttpDraft::CONNECTION, HttpDraft::TIMING];
    "url" Block(&SSL_URL) "{…}" "" "at least one" => url, "a page to fetch";
    "tls_compliant" Optional "[BOOL]" "" "off" => tls_compliant, "say goodbye as TLS demands";
}

/// A `url` block while it is read.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct UrlDraft {
    path: Option<String>,
    digest: Option<[u8; 16]>,
    status_codes: Option<StatusCodes>,
    virtualhost: Option<String>,
    pattern: Option<String>,
    regex: Regex,
    max_offset: Option<usize>,
    /// A `regex_*` keyword that needs a `regex`.
    regex_parameters: Option<Word>,
    tls_compliant: bool,
}

const URL: &[Keyword<UrlDraft>] = keyword_rows! {
    "path" Required "PATH" "" "required" => path, "what stands in the request line";
    "digest" Required "HEX" "32 digits" "none" => digest, "MD5 that the body must have";
    "status_code" Optional "N|N-M…" "100 to 599" "200-299" => status_code, "codes that are accepted; lines add up";
    "virtualhost" Optional "NAME" "" "as the checker" => |d, n, cx| d.virtualhost = text(n, cx, "Missing HTTP_GET virtualhost name").or(d.virtualhost.take()), "Host header";
    "regex" Optional "PATTERN" "a pattern of PCRE2" "none" => regex, "what the body must match";
    "regex_no_match" Flag "" "" "off" => |d, n, _| { d.regex.no_match = true; d.regex_parameters = Some(n.keyword.clone()) }, "a match is a failure";
    "regex_options" Optional "OPTION…" "" "none" => regex_options, "how the pattern is compiled";
    "regex_min_offset" Optional "N" "0 or more" "0" => regex_min_offset, "first place in the body where a match may start";
    "regex_max_offset" Optional "N" "0 or more" "none" => regex_max_offset, "last place in the body where a match may start";
    "regex_stack" Optional "START MAX" "START at most MAX" "the library's" => regex_stack, "size of the stack for compiled patterns";
};

keywords! {
    /// `url` of `HTTP_GET`.
    HTTP_URL: UrlDraft, "url", None, with &[URL];
}

keywords! {
    /// `url` of `SSL_GET`.
    SSL_URL: UrlDraft, "url", None, with &[URL];
    "tls_compliant" Optional "[BOOL]" "" "off" => url_tls_compliant, "say goodbye as TLS demands";
}

pub(in crate::config) fn http_get(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, HttpCheck::default());
    HTTP_GET.apply(&mut draft, node.children(), cx);
    finish(server, &draft, node, cx);
}

pub(in crate::config) fn ssl_get(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, HttpCheck { tls: true, ..HttpCheck::default() });
    SSL_GET.apply(&mut draft, node.children(), cx);
    finish(server, &draft, node, cx);
}

fn finish(server: &mut RealServerDraft, draft: &HttpDraft, node: &Node, cx: &mut Context<'_>) {
    if draft.kind.urls.is_empty() {
        let text = "HTTP/SSL_GET checker has no urls specified - ignoring";
        return dropped(cx, node.end(), format!("a `{}` needs a `url`", node.keyword), text);
    }
    let Some(connection) = draft.connection(node.end(), cx) else { return };
    server.checkers.push(draft.finish(Some(connection), Method::Http(draft.kind.clone())));
}

fn text(node: &Node, cx: &mut Context<'_>, classic: &str) -> Option<String> {
    let word = node.args.first();
    if word.is_none() {
        cx.missing_value(node, classic);
    }
    word.map(|word| word.text.clone())
}

/// Says that 2.2 does not know a keyword that 2.4 does.
fn newer(node: &Node, cx: &mut Context<'_>) {
    let (keyword, message) = (&node.keyword, format!("`{}` is a keyword of 2.4", node.keyword));
    let problem = Diagnostic::note("version-dependent", keyword.span, message)
        .classic(format!("Unknown keyword '{keyword}'"))
        .keepalived("2.2 does not know it and ignores the line");
    cx.report(problem);
}

fn nb_get_retry(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    let problem =
        Diagnostic::warning("deprecated", node.keyword.span, "`nb_get_retry` is called `retry` now")
            .classic("nb_get_retry is deprecated - please use 'retry'")
            .help(format!("write `retry {}`", node.arg()))
            .write_instead(&node.keyword, "retry");
    cx.report(problem);
    let otherwise = Otherwise::ignored(format!("Invalid nb_get_retry value '{}'", node.arg()));
    let value = cx.unsigned(node.arg(), 0..=u32::MAX, Junk::Tolerated, otherwise);
    d.timing.retry = value.or(d.timing.retry);
}

fn virtualhost(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    d.kind.virtualhost = text(node, cx, "HTTP_GET virtualhost name missing").or(d.kind.virtualhost.take());
}

fn http_protocol(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "Missing http_protocol version");
    };
    d.kind.version = match word.as_str() {
        "1.0" => HttpVersion::V10,
        "1.0C" | "1.0c" => HttpVersion::V10Close,
        "1.1" => HttpVersion::V11,
        _ => {
            let message = format!("`{word}` is not a version of HTTP that can be asked for");
            let problem = Diagnostic::error("bad-http-version", word.span, message)
                .classic(format!("Invalid http_protocol version {word}"))
                .label("this line is ignored")
                .help("write `1.0`, `1.0C` or `1.1`");
            return cx.report(problem);
        }
    };
}

fn enable_sni(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid enable_sni parameter {word}"));
    d.kind.enable_sni = value.unwrap_or(d.kind.enable_sni);
}

fn sni_name(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    newer(node, cx);
    d.kind.enable_sni = true;
    d.kind.sni_name = node.args.first().map(|word| word.text.clone()).or(d.kind.sni_name.take());
}

fn fast_recovery(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid fast_recovery parameter {word}"));
    d.kind.fast_recovery = value.unwrap_or(d.kind.fast_recovery);
}

fn tls_compliant(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    newer(node, cx);
    let value = cx.boolean(&node.args, |word| format!("Invalid tls_compliant parameter {word}"));
    d.kind.tls_compliant = value.unwrap_or(d.kind.tls_compliant);
}

fn url(d: &mut HttpDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = UrlDraft::default();
    match d.kind.tls {
        true => SSL_URL.apply(&mut draft, node.children(), cx),
        false => HTTP_URL.apply(&mut draft, node.children(), cx),
    }
    let Some(path) = draft.path.take() else {
        let text = "HTTP/SSL_GET checker url has no path - ignoring";
        return dropped(cx, node.end(), "a `url` needs a `path`", text);
    };
    let regex = draft.regex(cx);
    d.kind.urls.push(Url {
        path,
        digest: draft.digest,
        status_codes: draft.status_codes.unwrap_or_default(),
        virtualhost: draft.virtualhost,
        regex,
        tls_compliant: draft.tls_compliant,
    });
}

impl UrlDraft {
    /// The pattern with its parameters, once the block is read.
    fn regex(&mut self, cx: &mut Context<'_>) -> Option<Regex> {
        let mut regex = std::mem::take(&mut self.regex);
        let Some(pattern) = self.pattern.take() else {
            if let Some(word) = &self.regex_parameters {
                let message = format!("`{word}` without a `regex`");
                remark(cx, word, message, "regex parameters specified without regex");
            }
            return None;
        };
        regex.pattern = pattern;
        regex.offsets.1 = self.max_offset;
        if let (min, Some(max)) = regex.offsets
            && min > max
        {
            if let Some(word) = &self.regex_parameters {
                let text = format!("regex min offset {min} > regex_max_offset {max} - ignoring");
                remark(cx, word, "no match can start there", text);
            }
            regex.offsets = (0, None);
        }
        Some(regex)
    }
}

fn path(d: &mut UrlDraft, node: &Node, _: &mut Context<'_>) {
    d.path = Some(node.arg().text.clone());
}

const DIGEST_DIGITS: usize = 32;

fn digest(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = word.as_str();
    let refuse = |cx: &mut Context<'_>, message: &str, classic: String| {
        let problem = Diagnostic::error("bad-digest", word.span, message.to_owned());
        cx.report(problem.classic(classic).label("this line is ignored"));
    };
    if text.len() != DIGEST_DIGITS {
        let classic =
            format!("digest '{word}' character length should be {DIGEST_DIGITS} rather than {}", text.len());
        let message = format!("an MD5 digest has {DIGEST_DIGITS} digits, this one has {}", text.len());
        return refuse(cx, &message, classic);
    }
    let mut bytes = [0; DIGEST_DIGITS / 2];
    // From the end, as keepalived does: that is the place that it names.
    for (i, byte) in bytes.iter_mut().enumerate().rev() {
        let pair = text.get(2 * i..2 * i + 2).filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(value) = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) else {
            let (first, last) = (2 * i, 2 * i + 1);
            let classic = format!("Unable to interpret hex digit in '{word}' at offset {first}/{last}");
            return refuse(cx, "these are not all hexadecimal digits", classic);
        };
        *byte = value;
    }
    if d.digest.is_some() {
        return refuse(cx, "there is a digest already", format!("Digest '{word}' is a duplicate"));
    }
    d.digest = Some(bytes);
}

const CODES: RangeInclusive<u16> = 100..=599;

fn status_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let code = |text: &str| text.parse().ok().filter(|code| CODES.contains(code));
    Some((code(first)?, code(last)?)).filter(|(first, last)| first <= last)
}

fn status_code(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    for word in &node.args {
        match status_range(word.as_str()) {
            Some((first, last)) => {
                d.status_codes.get_or_insert(StatusCodes(Vec::new())).add(first, last);
            }
            None => {
                let message = format!("`{word}` is neither a status code nor a range of them");
                let problem = Diagnostic::error("bad-status-code", word.span, message)
                    .classic(format!("Invalid HTTP_GET status code '{word}'"))
                    .label("this word is ignored")
                    .help("codes go from 100 to 599; a range is `200-299`");
                cx.report(problem);
            }
        }
    }
}

fn regex(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    match node.args.as_slice() {
        [pattern] => d.pattern = Some(unescape(pattern.as_str())),
        args => {
            let word = args.get(1).unwrap_or(&node.keyword);
            remark(
                cx,
                word,
                "`regex` takes one pattern, in double quotes",
                "regex missing or too many fields",
            );
        }
    }
}

const REGEX_OPTIONS: [&str; 24] = [
    "allow_empty_class",
    "alt_bsux",
    "auto_callout",
    "caseless",
    "dollar_endonly",
    "dotall",
    "dupnames",
    "extended",
    "firstline",
    "match_unset_backref",
    "multiline",
    "never_ucp",
    "never_utf",
    "no_auto_capture",
    "no_auto_possess",
    "no_dotstar_anchor",
    "no_start_optimize",
    "ucp",
    "ungreedy",
    "utf",
    "never_backslash_c",
    "alt_circumflex",
    "alt_verbnames",
    "use_offset_limit",
];

fn regex_options(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    d.regex_parameters = Some(node.keyword.clone());
    for word in &node.args {
        if !REGEX_OPTIONS.contains(&word.as_str()) {
            let message = format!("`{word}` is not an option of a pattern");
            let problem = Diagnostic::warning("regex-option", word.span, message)
                .class(Class::Harmless)
                .label("this word is ignored")
                .keepalived("ignores it in silence");
            cx.report(problem);
        }
    }
    let given = |option: &&str| node.args.iter().any(|word| word.text == **option);
    let had = |option: &&str| d.regex.options.contains(option);
    d.regex.options = REGEX_OPTIONS.into_iter().filter(|option| given(option) || had(option)).collect();
}

fn offset(node: &Node, cx: &mut Context<'_>, which: &str) -> Option<usize> {
    let [word] = node.args.as_slice() else {
        let text = format!("Missing or too may options for regex_{which}_offset");
        remark(cx, node.args.get(1).unwrap_or(&node.keyword), "it takes one number", text);
        return None;
    };
    let value = word.as_str().parse().ok();
    if value.is_none() {
        let text = format!("Invalid regex_{which}_offset {word} specified");
        remark(cx, word, format!("`{word}` is not an offset"), text);
    }
    value
}

fn regex_min_offset(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    d.regex_parameters = Some(node.keyword.clone());
    d.regex.offsets.0 = offset(node, cx, "min").unwrap_or(d.regex.offsets.0);
}

fn regex_max_offset(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    d.regex_parameters = Some(node.keyword.clone());
    d.max_offset = offset(node, cx, "max").or(d.max_offset);
}

fn regex_stack(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    d.regex_parameters = Some(node.keyword.clone());
    let [start, max] = node.args.as_slice() else {
        let word = node.args.last().unwrap_or(&node.keyword);
        return remark(cx, word, "it takes two sizes", "regex_stack requires start and max values");
    };
    let (Ok(first), Ok(last)) = (start.as_str().parse::<usize>(), max.as_str().parse::<usize>()) else {
        let (word, which) =
            if start.as_str().parse::<usize>().is_err() { (start, "start") } else { (max, "max") };
        let text = format!("regex_stack invalid {which} value");
        return remark(cx, word, format!("`{word}` is not a size"), text);
    };
    if first > last {
        return remark(
            cx,
            start,
            "it starts larger than it may get",
            "regex stack start cannot exceed max value",
        );
    }
    d.regex.stack = Some((first, last));
}

fn url_tls_compliant(d: &mut UrlDraft, node: &Node, cx: &mut Context<'_>) {
    newer(node, cx);
    let value = cx.boolean(&node.args, |word| format!("Invalid tls_compliant parameter {word}"));
    d.tls_compliant = value.unwrap_or(d.tls_compliant);
}

impl HttpCheck {
    pub(super) fn dump(&self, out: &mut Out, uses: &dyn Fn(&Regex) -> RegexUse) {
        let set = |value: bool| if value { "set" } else { "unset" };
        let kind = if self.tls { "SSL" } else { "HTTP" };
        field!(out, "Keepalive method = {kind}_GET, http protocol {}", self.version);
        if let Some(name) = &self.virtualhost {
            field!(out, "Virtualhost = {name}");
        }
        field!(out, "Enable SNI {}", set(self.enable_sni));
        field!(out, "Fast recovery {}", set(self.fast_recovery));
        for url in &self.urls {
            url.dump(out, uses);
        }
    }
}

impl Url {
    fn dump(&self, out: &mut Out, uses: &dyn Fn(&Regex) -> RegexUse) {
        field!(out, "Checked url = {}", self.path);
        if let Some(digest) = self.digest {
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            member!(out, "digest = {hex}");
        }
        member!(out, "HTTP Status Code(s)");
        for (first, last) in self.status_codes.ranges() {
            match first == last {
                true => member!(out, "  {first}"),
                false => member!(out, "  {first}-{last}"),
            }
        }
        if let Some(name) = &self.virtualhost {
            member!(out, "Virtual host = {name}");
        }
        if let Some(regex) = &self.regex {
            regex.dump(out, uses(regex));
        }
    }
}

impl Regex {
    fn dump(&self, out: &mut Out, uses: RegexUse) {
        member!(out, "Regex = \"{}\"", self.pattern);
        if self.no_match {
            member!(out, "Regex no match");
        }
        match self.offsets {
            (0, None) => {}
            (min, None) => member!(out, "Regex min offset = {min}"),
            (min, Some(max)) => member!(out, "Regex min offset = {min}, max_offset = {max}"),
        }
        let options: String = self.options.iter().map(|option| format!(" {option}")).collect();
        member!(out, "Regex options:{options}");
        member!(out, "Regex ref count = {}", uses.count);
        if self.stack.is_some() {
            let (start, max) = uses.stack;
            member!(out, "Regex stack start {start}, max {max}");
        }
    }
}
