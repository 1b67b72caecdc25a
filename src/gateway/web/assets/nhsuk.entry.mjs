// The components of NHS.UK frontend that have script, of those that our pages use. Pages work without it.
import {
  Button,
  CharacterCount,
  Checkboxes,
  createAll,
  ErrorSummary,
  NotificationBanner,
  Radios,
  SkipLink,
  Tabs,
} from "nhsuk-frontend";

document.body.classList.add("js-enabled", "nhsuk-frontend-supported");
for (const component of [Button, CharacterCount, Checkboxes, ErrorSummary, NotificationBanner, Radios, SkipLink, Tabs]) {
  createAll(component);
}
