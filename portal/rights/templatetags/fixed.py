"""`{% fixed %}…{% endfixed %}`: a part of a template that says the same to everybody, drawn once a language."""

from __future__ import annotations

from django import template
from django.template.base import NodeList, Parser, Token
from django.utils.translation import get_language

register = template.Library()


class Fixed(template.Node):
    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist
        self.drawn: dict[str | None, str] = {}

    def render(self, context: template.Context) -> str:
        language = get_language()
        if language not in self.drawn:
            # What is kept is drawn from nothing: of whoever came first, nothing gets to the next.
            self.drawn[language] = self.nodelist.render(context.new())
        return self.drawn[language]


@register.tag
def fixed(parser: Parser, token: Token) -> Fixed:
    nodelist = parser.parse(("endfixed",))
    parser.delete_first_token()
    return Fixed(nodelist)
