// Pages that do not change by themselves: only their times are put into the reader's zone.
import { show } from "./times.js";

show(document);
