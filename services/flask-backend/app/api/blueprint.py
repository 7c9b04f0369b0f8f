"""How a view becomes a route: first who may call it, then its input, then the view itself.

flask-openapi3 collects the OpenAPI document from a view's annotations. It would do so at once, a
good part of the service's start; here it waits until somebody asks. It would also read the request,
and lets repeated parameters, duplicate keys and cut bodies through; so reading happens here.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Final

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.types import ParametersTuple
from flask_openapi3.utils import parse_parameters, parse_rule
from pydantic import BaseModel, ValidationError

from app.api.access import Access, access_of, admit
from app.api.body import check_json_object, parse_json_object
from app.api.errors import PROBLEMS, field_errors
from app.api.fields import Parameters
from app.api.idempotency import PARAMETER, RESPONSES, answer_once, read_key
from app.api.limits import read_body, refuse_body
from app.api.query import read_query
from app.errors import FieldError, Invalid

Model = type[BaseModel]

_KEYED_METHOD: Final = "POST"
"""The other methods do the same when they are sent again."""


class Blueprint(APIBlueprint):
    """A group of routes. A view takes ``path``, ``query`` and ``body``, each a model, or none.

    Args:
        name: As for Flask's.
        import_name: As for Flask's.
        ignores_queries: Answer whatever stands behind ``?``. Other routes refuse what they do not
            read, which tells a client of a misspelt filter; probes and files have none.
        reads_raw_bodies: Leave bodies to the views, which need them to the byte.
        takes_keys: Let a POST of somebody signed in be sent again with its ``Idempotency-Key``.
        keeps_answers: Answer it from what was kept then. Otherwise the views see to it.
        longest_body: How many bytes a body may have in any case, however few others may.
        unjudged: A member of bodies whose values the views judge: one by one, where one that cannot
            be stored must not refuse the others.
        **options: As for ``APIBlueprint``.
    """

    def __init__(
        self,
        name: str,
        import_name: str,
        *,
        ignores_queries: bool = False,
        reads_raw_bodies: bool = False,
        takes_keys: bool = True,
        keeps_answers: bool = True,
        longest_body: int = 0,
        unjudged: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name, import_name, abp_responses=PROBLEMS, **options)
        self._ignores_queries = ignores_queries
        self._reads_raw_bodies = reads_raw_bodies
        self._takes_keys = takes_keys
        self._keeps_answers = keeps_answers
        self._longest_body = longest_body
        self._unjudged = unjudged
        self._undescribed: list[Callable[[], None]] = []

    def create_view_func(  # type: ignore[override]  # the base passes more than we have a use for
        self,
        func: Callable[..., Any],
        _header: Model | None,
        _cookie: Model | None,
        path: Model | None,
        query: Model | None,
        _form: Model | None,
        body: Model | None,
        _raw: Model | None,
        **_options: Any,
    ) -> Callable[..., Any]:
        """Wrap a view.

        Raises:
            TypeError: The view does not say who may call it.
        """
        access = access_of(func)
        if access is None:
            raise TypeError(f"{func.__module__}.{func.__name__} needs @allow(...) below its route")

        read = None if self._ignores_queries else query or Parameters
        read_model = partial(self._read_body, body) if body else None

        @wraps(func)
        def view(**path_values: str) -> Any:
            admit(func)
            key = read_key() if self._takes_key(access, request.method) else None
            if body is None and not self._reads_raw_bodies:
                refuse_body()
            given = _read_input(path, read, path_values, read_model)
            if key is None or not self._keeps_answers:
                return func(**given)
            return answer_once(key, lambda: func(**given))

        return view

    def _collect_openapi_info(  # type: ignore[override]  # as above
        self, rule: str, func: Callable[..., Any], *, method: str, **options: Any
    ) -> ParametersTuple:
        """Return what a view takes, and remember to describe it."""
        self._undescribed.append(partial(self._describe, rule, func, method=method, **options))
        return parse_parameters(func, doc_ui=False)

    def describe(self) -> None:
        """Collect what the OpenAPI document says of the views. Not by two threads at once."""
        while self._undescribed:
            self._undescribed[0]()
            del self._undescribed[0]  # Now only: the document must not lack what has failed.

    def _describe(
        self, rule: str, func: Callable[..., Any], *, method: str, **options: Any
    ) -> None:
        """Describe a view, and the key it takes if it takes one."""
        is_described = self.doc_ui and self._takes_key(access_of(func), method)
        if is_described:
            options["responses"] = RESPONSES | (options["responses"] or {})
        super()._collect_openapi_info(rule, func, method=method, **options)
        if is_described:
            operation = self.paths[parse_rule(rule, url_prefix=self.url_prefix)].post
            operation.parameters = [*(operation.parameters or ()), PARAMETER]

    def _read_body(self, model: Model) -> BaseModel:
        body = read_body(longest=self._longest_body)
        if self._unjudged is None:
            return model.model_validate_json(check_json_object(body))
        return model.model_validate(parse_json_object(body, unjudged=self._unjudged))

    def _takes_key(self, access: Access | None, method: str) -> bool:
        return self._takes_keys and method == _KEYED_METHOD and access not in (None, "public")


def _read_input(
    path: Model | None,
    query: Model | None,
    path_values: dict[str, str],
    read_body: Callable[[], BaseModel] | None,
) -> dict[str, BaseModel]:
    """Validate every part of a request, and report what is wrong in all of them at once."""
    models: dict[str, BaseModel] = {}
    errors: list[FieldError] = []

    def collect(name: str, read: Callable[[], BaseModel]) -> None:
        try:
            models[name] = read()
        except ValidationError as error:
            errors.extend(field_errors(error))

    if path:
        collect("path", partial(path.model_validate, path_values))
    if query and (query is not Parameters or request.query_string):  # Nothing is no parameter.
        collect("query", partial(query.model_validate, read_query()))
    if read_body:
        collect("body", read_body)
    if errors:
        raise Invalid.fields(errors)
    if query is Parameters:
        models.pop("query", None)
    return models
