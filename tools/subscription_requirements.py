"""Writes docs/subscriptions.md: each requirement of the subscriptions backport, whether it holds, and its tests.

The keys are those under which the Inferno project's list of requirements for hl7.fhir.uv.subscriptions 1.1.0 numbers
the statements of the guide (inferno-framework/subscriptions-test-kit, Apache-2.0); the words are our own.
"""

from pathlib import Path
from typing import NamedTuple

FILE = Path("docs/subscriptions.md")
HOLDS, FREE, CLIENT, NOT, REPLACED = "holds", "free", "the client's", "not served", "replaced"
HEAD = Path(__file__).parent / "subscriptions_head.md"


class Row(NamedTuple):
    """`says` is the requirement in short, `why` what is to be said of the verdict; `tests` show it."""

    conformance: str
    page: str
    says: str
    verdict: str
    tests: tuple[str, ...] = ()
    why: str = ""


LEVELS = "test_a_notification_holds_what_its_level_says"
REFUSED = "test_what_cannot_be_done_is_refused"
ENDPOINT = "test_an_endpoint_that_is_not_registered_is_refused"
VALID = "test_each_notification_is_valid_r4"
STATED = "test_interactions_parameters_and_operations_are_those_of_the_servers_statement"
FILTERS = "test_filters_choose_and_all_must_hold"
CHANGES = "test_each_change_of_a_task_is_told_in_order_with_its_number"
CHANNEL = "test_the_request_goes_out_as_the_channel_says"
SHAKEN = "test_it_is_requested_until_its_endpoint_has_shaken_hands"
UNSHAKEN = "test_any_other_answer_to_the_handshake_is_an_error"
ERROR = "test_after_three_failures_it_is_in_error_and_the_count_goes_on"
AGAIN = "test_asked_again_it_shakes_hands_and_tells_what_was_missed_in_order"
STATUS, STATUSES = "test_status_of_one", "test_status_of_several"
EVENTS = "test_events_by_their_numbers_both_included"
CONTENT = "test_events_with_as_much_content_as_asked"
OFF = "test_it_is_not_deleted_but_set_off"
VERSIONS = "test_each_status_is_a_version_of_the_resource_and_is_found"
HEARTBEAT = "test_a_heartbeat_comes_when_it_was_silent_for_its_period_and_counts_as_no_event"
PROFILE = "test_the_servers_statement_and_the_profile_are_named"
TOPICS = "test_topics_are_advertised_on_the_resource"

COMPONENTS, WORKFLOW, CHANNELS, NOTIFICATIONS, PAYLOADS, CONFORMANCE, ERRORS = (
    f"{page}.html"
    for page in ("components", "workflow", "channels", "notifications", "payloads", "conformance", "errors")
)
SERVER = "CapabilityStatement-backport-subscription-server-r4.html"
SUBSCRIPTION = "StructureDefinition-backport-subscription.html"
PARAMETERS = "StructureDefinition-backport-subscription-status-r4.html"
OP_STATUS = "OperationDefinition-backport-subscription-status.html"
OP_EVENTS = "OperationDefinition-backport-subscription-events.html"

ROWS: dict[int, Row] = {
    2: Row("MAY", COMPONENTS, "Topics are advertised by an extension of the CapabilityStatement.", HOLDS, (TOPICS,)),
    3: Row("MAY", COMPONENTS, "Or by instantiates, as another guide defines.", FREE, why="By the extension."),
    4: Row("MAY", COMPONENTS, "Or out of band.", FREE, why="By the extension."),
    5: Row("DEPRECATED", COMPONENTS, "No cross-version extensions.", REPLACED, why="By 86."),
    6: Row("DEPRECATED", COMPONENTS, "The payload may name a FHIR version.", REPLACED, why="By 88 and 90."),
    7: Row("SHALL", COMPONENTS, "Who accepts one can find its events and tries to tell of each.", HOLDS, (CHANGES,)),
    8: Row("SHOULD", COMPONENTS, "The topic is checked.", HOLDS, (REFUSED,)),
    9: Row("SHOULD", COMPONENTS, "The filters are checked.", HOLDS, (REFUSED,)),
    10: Row("SHOULD", COMPONENTS, "The type of channel is checked.", HOLDS, (REFUSED,)),
    11: Row("SHOULD", COMPONENTS, "The endpoint is checked.", HOLDS, (ENDPOINT,)),
    12: Row("SHOULD", COMPONENTS, "The payload is checked.", HOLDS, (REFUSED,)),
    13: Row("SHOULD", COMPONENTS, "The payload is checked against the channel and the policy.", HOLDS, (ENDPOINT,),
            "The policy is in the endpoint: registered, and https outside this machine; then any level goes."),
    14: Row("SHALL", COMPONENTS, "A history Bundle whose first entry is the status, as Parameters.", HOLDS, (LEVELS,)),
    15: Row("SHALL", COMPONENTS, "Each entry has a request; the first one's asks for $status.", HOLDS, (VALID,)),
    16: Row("SHOULD", COMPONENTS, "The server finds errors of delivery and acts on them.", HOLDS, (ERROR,)),
    17: Row("SHOULD", COMPONENTS, "Clients bear notifications that are missing or come twice.", CLIENT,
            ("test_an_event_comes_again_with_its_number_and_id_when_its_answer_was_lost",),
            "Here none is missing; one that comes twice has the same id and number."),
    18: Row("MAY", WORKFLOW, "Accepted, it may be active at once.", FREE, why="It is requested first (29)."),
    19: Row("MAY", WORKFLOW, "Accepted, it may be requested.", FREE, (SHAKEN,)),
    20: Row("SHALL", WORKFLOW, "After a good answer to the handshake it is active.", HOLDS, (SHAKEN,)),
    21: Row("SHALL", WORKFLOW, "After a bad one it is in error.", HOLDS,
            (UNSHAKEN, "test_an_endpoint_that_is_not_there_is_an_error")),
    22: Row("MAY", WORKFLOW, "A request may be rejected.", FREE, (REFUSED,)),
    23: Row("SHALL", CHANNELS, "Clients ask for rest-hook and give their URL.", CLIENT),
    24: Row("SHALL", CHANNELS, "The server can reach that URL.", CLIENT),
    25: Row("SHALL", CHANNELS, "Events are POSTed to the endpoint as a Bundle.", HOLDS, (CHANGES,)),
    26: Row("SHALL", CHANNELS, "Content-Type is the channel's payload.", HOLDS, (CHANNEL,)),
    27: Row("SHALL", CHANNELS, "Each channel.header goes out as a header.", HOLDS, (CHANNEL,)),
    28: Row("SHALL", CHANNELS, "The Bundle is valid by the notification's profile.", HOLDS, (VALID, LEVELS)),
    29: Row("SHALL", CHANNELS, "A new one is requested.", HOLDS, (SHAKEN,)),
    30: Row("SHALL", CHANNELS, "An accepted handshake makes it active.", HOLDS, (SHAKEN,)),
    31: Row("SHALL", CHANNELS, "Any trouble with it puts it in error.", HOLDS, (UNSHAKEN,)),
    32: Row("SHOULD", CHANNELS, "Plain http is refused.", HOLDS, (ENDPOINT,), "But to this machine, when registered."),
    33: Row("MAY", NOTIFICATIONS, "Other resources may come along.", FREE, why="None do."),
    34: Row("MAY", NOTIFICATIONS, "So may some that could be of interest.", FREE, why="None do."),
    35: Row("SHALL", NOTIFICATIONS, "What comes along keeps to the level.", HOLDS, (LEVELS,), "Nothing comes along."),
    36: Row("SHOULD", PAYLOADS, "A payload that is not honoured is refused.", HOLDS, (REFUSED,)),
    37: Row("MAY", PAYLOADS, "Or changed.", FREE, why="It is refused."),
    38: Row("SHALL NOT", PAYLOADS, "empty: no references.", HOLDS, (LEVELS,)),
    39: Row("SHALL NOT", PAYLOADS, "empty: no entry but the status.", HOLDS, (LEVELS,)),
    40: Row("SHALL", PAYLOADS, "id-only: focus is given.", HOLDS, (LEVELS,)),
    41: Row("MAY", PAYLOADS, "id-only: an entry for each resource.", FREE, (LEVELS,), "One for the focus."),
    42: Row("SHALL", PAYLOADS, "id-only: entries have the resource's URL in fullUrl and request.", HOLDS, (LEVELS,)),
    43: Row("SHALL", PAYLOADS, "full-resource: focus is given.", HOLDS, (LEVELS,)),
    44: Row("SHALL", PAYLOADS, "full-resource: an entry for each resource that matters.", HOLDS, (LEVELS,)),
    45: Row("SHALL", PAYLOADS, "full-resource: each entry holds the resource.", HOLDS, (LEVELS,)),
    46: Row("DEPRECATED", CONFORMANCE, "Subscription is read and written.", REPLACED, why="By 133 and 134."),
    47: Row("SHALL", CONFORMANCE, "$status is served.", HOLDS, (STATUS,)),
    48: Row("SHOULD", CONFORMANCE, "Topics are found in the CapabilityStatement.", HOLDS, (TOPICS,)),
    49: Row("SHALL", CONFORMANCE, "There is a channel.", HOLDS, (CHANGES,)),
    50: Row("SHOULD", CONFORMANCE, "It is one of the guide's.", HOLDS, (CHANGES,), "rest-hook."),
    51: Row("SHALL", CONFORMANCE, "There is a level of payload.", HOLDS, (LEVELS,), "All three."),
    52: Row("SHALL", CONFORMANCE, "The R4 server's CapabilityStatement is met.", HOLDS, (STATED,)),
    53: Row("SHALL", CONFORMANCE, "With at least one level of payload.", HOLDS, (LEVELS,)),
    54: Row("SHOULD", CONFORMANCE, "And one channel of the guide's.", HOLDS, (CHANGES,)),
    55: Row("DEPRECATED", CONFORMANCE, "No cross-version extensions.", REPLACED, why="By 86."),
    56: Row("DEPRECATED", CONFORMANCE, "Mandatory elements are there.", REPLACED, why="By 137 to 139."),
    57: Row("SHOULD", CONFORMANCE, "instantiates names the server's statement.", HOLDS, (PROFILE,)),
    58: Row("SHALL", CONFORMANCE, "The profile is among supportedProfile.", HOLDS, (PROFILE,)),
    59: Row("SHALL", CONFORMANCE, "backport-channel-type is read.", HOLDS, (REFUSED,)),
    60: Row("SHALL", CONFORMANCE, "A channel that it names and nobody serves is refused.", HOLDS, (REFUSED,)),
    61: Row("MAY", CONFORMANCE, "Clients may use that extension.", CLIENT),
    62: Row("DEPRECATED", CONFORMANCE, "Filters are read and applied.", REPLACED, why="By 135 and 136."),
    63: Row("SHALL", CONFORMANCE, "Filters that are not supported are refused.", HOLDS,
            (REFUSED, "test_a_refused_filter_names_what_may_be_filtered_by")),
    64: Row("SHALL", CONFORMANCE, "Clients can write filters.", CLIENT),
    65: Row("SHALL", CONFORMANCE, "backport-payload-content is read.", HOLDS, (LEVELS,)),
    66: Row("SHALL", CONFORMANCE, "A level that is not supported is refused.", HOLDS, (REFUSED,)),
    67: Row("SHALL", CONFORMANCE, "Notifications hold what the level says.", HOLDS, (LEVELS,)),
    68: Row("SHALL", CONFORMANCE, "Clients can write the level.", CLIENT),
    69: Row("SHALL", CONFORMANCE, "Each notification has a valid status.", HOLDS, (VALID,)),
    70: Row("SHALL", CONFORMANCE, "It is the first entry.", HOLDS, (LEVELS, VALID)),
    71: Row("SHALL", CONFORMANCE, "Clients can read it.", CLIENT),
    72: Row("SHALL", CONFORMANCE, "criteria is read and written.", HOLDS, (SHAKEN,)),
    73: Row("SHALL", CONFORMANCE, "criteria holds the topic's canonical.", HOLDS, (REFUSED,)),
    74: Row("SHALL", CONFORMANCE, "Topics that it names are served.", HOLDS,
            (CHANGES, "test_the_other_topic_tells_of_service_requests")),
    75: Row("SHALL", CONFORMANCE, "A topic that is not supported is refused.", HOLDS, (REFUSED,)),
    76: Row("SHALL", CONFORMANCE, "Clients can write it.", CLIENT),
    77: Row("SHALL", ERRORS, "In error, events are counted on.", HOLDS, (ERROR,)),
    78: Row("SHALL", ERRORS, "The status says error.", HOLDS, (ERROR,)),
    79: Row("SHALL", ERRORS, "$status is answered still.", HOLDS, (ERROR,)),
    80: Row("MAY", ERRORS, "Heartbeats may go on with that status.", FREE, why="They stop."),
    81: Row("SHALL", ERRORS, "It is for the client to ask for it to be active again.", CLIENT, (AGAIN, UNSHAKEN),
            "The gateway never does so by itself."),
    82: Row("SHALL", ERRORS, "By an update of the status to requested or active.", CLIENT, (AGAIN, SHAKEN), "By both."),
    83: Row("MAY", ERRORS, "$events may be served.", HOLDS, (EVENTS,)),
    84: Row("MAY", ERRORS, "With limits.", FREE, ("test_so_many_events_in_one_answer",), "200 in one answer."),
    85: Row("MAY", ERRORS, "Clients may fetch what they missed by it.", CLIENT, (EVENTS,)),
    86: Row("SHOULD NOT", COMPONENTS, "Clients send no cross-version extensions.", CLIENT, (REFUSED,), "Refused."),
    87: Row("DEPRECATED", COMPONENTS, "What servers do with them.", REPLACED, why="By 86."),
    88: Row("MAY", COMPONENTS, "Clients may name a FHIR version in payload.", CLIENT, (CHANNEL,)),
    89: Row("DEPRECATED", COMPONENTS, "Servers look for it.", REPLACED, why="By 90."),
    90: Row("SHALL", COMPONENTS, "A FHIR version that is not supported is not accepted.", HOLDS, (REFUSED, CHANNEL)),
    91: Row("DEPRECATED", COMPONENTS, "Refused or coerced.", REPLACED, why="By 90."),
    92: Row("MAY", CHANNELS, "Heartbeats may come at any time.", FREE, (HEARTBEAT,), "Only when asked for."),
    93: Row("SHALL", SUBSCRIPTION, "heartbeatPeriod: a heartbeat after each such time.", HOLDS, (HEARTBEAT,),
            "Of silence: an event shows as well that all is well. At least 5 seconds."),
    94: Row("SHALL", SUBSCRIPTION, "Without it, none.", HOLDS, (HEARTBEAT,)),
    95: Row("SHALL", SUBSCRIPTION, "Several filters are joined by AND.", HOLDS, (FILTERS,)),
    96: Row("SHALL", SUBSCRIPTION, "Clients filter by search parameters, or by keys of the topic.", CLIENT, (FILTERS,),
            "By search parameters."),
    97: Row("SHALL", SUBSCRIPTION, "timeout: the most that an attempt takes.", HOLDS,
            ("test_a_longest_time_to_answer_is_kept",), "Or the gateway's own limit, when that is shorter."),
    98: Row("SHALL", SUBSCRIPTION, "maxCount: the most events in a notification.", HOLDS,
            ("test_max_count_is_kept_because_each_event_goes_by_itself",)),
    99: Row("SHOULD NOT", PARAMETERS, "empty: no topic in the status.", HOLDS, (LEVELS,)),
    100: Row("MAY", PARAMETERS, "id-only: the topic may be there.", FREE, (SHAKEN,), "It is."),
    101: Row("SHOULD", PARAMETERS, "full-resource: it is there.", HOLDS, (SHAKEN,)),
    102: Row("SHALL", PARAMETERS, "The number of events so far, without handshakes and heartbeats.", HOLDS,
             (LEVELS, SHAKEN, HEARTBEAT), "In a notification: up to the event that it tells of."),
    103: Row("SHALL", PARAMETERS, "Each event has its number in the Subscription's row of them.", HOLDS,
             (CHANGES, "test_many_at_once_are_numbered_without_gap_or_double")),
    104: Row("MAY", PARAMETERS, "focus may be no FHIR object.", FREE, why="It always is one."),
    105: Row("MAY", PARAMETERS, "So may additional-context.", FREE, why="There is none."),
    106: Row("SHALL", OP_STATUS, "Of one: id is ignored.", HOLDS, ("test_status_of_one_ignores_its_parameters",)),
    107: Row("SHALL", OP_STATUS, "Of several: ids are alternatives.", HOLDS, (STATUSES,)),
    108: Row("SHALL", OP_STATUS, "Without ids: all that the caller may see.", HOLDS,
             (STATUSES, "test_another_organisation_sees_nothing_of_it")),
    109: Row("SHALL", OP_STATUS, "Of one: status is ignored.", HOLDS, ("test_status_of_one_ignores_its_parameters",)),
    110: Row("SHALL", OP_STATUS, "Of several: statuses are alternatives.", HOLDS, (STATUSES,)),
    111: Row("SHALL", OP_STATUS, "Without statuses: any.", HOLDS, (STATUSES,)),
    112: Row("SHALL", OP_STATUS, "A searchset, a status for each Subscription.", HOLDS, (STATUS, STATUSES)),
    113: Row("MAY", CHANNELS, "Events may be told at any time.", HOLDS, (CHANGES,)),
    114: Row("SHALL", SERVER, "Subscription is served.", HOLDS, (STATED,)),
    115: Row("SHALL", OP_EVENTS, "A history Bundle as a notification is.", HOLDS, (EVENTS,)),
    116: Row("SHALL", OP_EVENTS, "Clients ask for content by the level's codes.", CLIENT, (CONTENT,)),
    117: Row("MAY", OP_EVENTS, "content may be ignored.", FREE, (CONTENT,), "It is honoured."),
    118: Row("SHALL", OP_EVENTS, "eventsSinceNumber: from there, included.", HOLDS, (EVENTS,)),
    119: Row("SHALL", OP_EVENTS, "eventsUntilNumber: up to there, included.", HOLDS, (EVENTS,)),
    120: Row("SHOULD", SERVER, "The Subscription's profile is supported.", HOLDS, (PROFILE,)),
    121: Row("SHALL", SERVER, "$status.", HOLDS, (STATUS, STATUSES)),
    122: Row("MAY", SERVER, "$events.", HOLDS, (EVENTS,)),
    123: Row("MAY", SERVER, "$get-ws-binding-token.", NOT, (), "There is no websocket: the channel is rest-hook."),
    124: Row("SHALL", SERVER, "Read.", HOLDS, (VERSIONS,)),
    125: Row("SHOULD", SERVER, "Create, by POST or PUT.", HOLDS, (SHAKEN,), "By POST."),
    126: Row("SHOULD", SERVER, "Update, by PUT or PATCH.", HOLDS, (AGAIN, "test_a_patch_changes_one")),
    127: Row("SHOULD", SERVER, "Delete.", NOT, (OFF,), "Nothing is deleted here: off does the same, and tells when."),
    128: Row("MAY", SERVER, "Search.", HOLDS, (VERSIONS,)),
    129: Row("SHALL", SERVER, "By url.", HOLDS, (VERSIONS, STATED)),
    130: Row("SHOULD", SERVER, "By status.", HOLDS, (VERSIONS, STATED)),
    131: Row("MAY", PARAMETERS, "Must-support elements, for servers.", FREE, (LEVELS,), "All that apply are sent."),
    132: Row("MAY", PARAMETERS, "And for clients.", CLIENT),
    133: Row("SHALL", CONFORMANCE, "Subscription can be written.", HOLDS, (SHAKEN, AGAIN)),
    134: Row("SHALL", CONFORMANCE, "And read.", HOLDS, (VERSIONS,)),
    135: Row("SHALL", CONFORMANCE, "Filters are read.", HOLDS, (FILTERS,)),
    136: Row("SHALL", CONFORMANCE, "And applied.", HOLDS,
             (FILTERS, "test_a_filter_by_whom_it_is_about_takes_any_spelling_of_a_reference")),
    137: Row("SHALL", CONFORMANCE, "What is mandatory in a Subscription is there.", HOLDS, (REFUSED,)),
    138: Row("SHALL", CONFORMANCE, "And in a notification.", HOLDS, (LEVELS, VALID)),
    139: Row("SHALL", CONFORMANCE, "And in its status.", HOLDS, (LEVELS, VALID)),
}  # fmt: skip


def written() -> str:
    counts = {verdict: sum(row.verdict == verdict for row in ROWS.values()) for verdict in VERDICTS}
    told = "".join(f"| {verdict} | {counts[verdict]} | {words} |\n" for verdict, words in VERDICTS.items())
    lines = []
    for key, row in ROWS.items():
        shown = "<br>".join(f"`{name}`" for name in row.tests)
        what = f"{row.verdict}. {row.why}" if row.why else row.verdict
        lines.append(f"| {key} | {row.conformance} | {row.page} | {row.says} | {what} | {shown} |\n")
    return HEAD.read_text("utf-8").replace("{counts}", told) + "".join(lines)


VERDICTS = {
    HOLDS: "The gateway does it, and tests show it.",
    FREE: "A server may do so or not; what this one does is said.",
    CLIENT: "It is for the client to do.",
    NOT: "Not done, and why.",
    REPLACED: "The list itself says it by other keys.",
}

if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
