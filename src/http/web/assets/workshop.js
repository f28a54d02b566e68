// The page of a workshop.

import "./composer.js";
import "./conversation.js";
import "./artifact.js";
import "./hints.js";
