"""A page as the tests read it."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}
FETCHING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background", "formaction"}
HOSTILE = "<script>alert(1)</script>\"'><img src=http://evil.example/x onerror=alert(2)>"


class Page(HTMLParser):
    """Collects what the tests ask of a page and checks that its elements nest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.refs, self.fetches, self.headings, self.open = [], [], [], [], [], []
        self.words = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        self._note(tag, dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._note(tag, dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def _note(self, tag, attrs):
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.refs += attrs.get("aria-labelledby", "").split()
        self.fetches += [value for name, value in attrs.items() if name in FETCHING]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]
