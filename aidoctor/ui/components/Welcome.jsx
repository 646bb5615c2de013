// The empty page: what this can do, what it cannot, and four ways to begin.
import { tell } from "./desk.js";
import { Icon } from "./icons.jsx";
import "./theme.css";
import "./welcome.css";

const EXAMPLES = [
  "I have had a headache behind one eye since Monday. What could it be, and when should I see someone?",
  "My blood test says ferritin 9 µg/L. What does that mean in plain words?",
  "Can I take ibuprofen together with lisinopril?",
  "Here is a picture of a rash on my arm. What do you see, and what would you ask me?",
];

/** `place` says where the words go, such as "on this computer". */
export function Welcome({ place = "on this computer" }) {
  return (
    <section className="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">What would you like to talk about?</h2>
      <div className="welcome-lists">
        <div>
          <h3>It can</h3>
          <ul>
            <li>explain symptoms, findings and medicines in plain words</li>
            <li>look at a picture: skin, an X-ray, a lab report</li>
            <li>help you prepare for a visit</li>
          </ul>
        </div>
        <div>
          <h3>It cannot</h3>
          <ul>
            <li>examine you, or give a diagnosis</li>
            <li>replace a doctor, or help in an emergency: call your local emergency number</li>
            <li>be sure: models make mistakes, so check what matters</li>
          </ul>
        </div>
      </div>
      <ul className="examples" aria-label="Examples">
        {EXAMPLES.map((words) => (
          <li key={words}>
            <button type="button" onClick={() => tell("fill", words)}>{words}</button>
          </li>
        ))}
      </ul>
      <p className="private">The model runs {place}. What you write stays there.</p>
    </section>
  );
}
