// The page's only script: asks the gateway, shows what it says.

const EXAMPLES = [
  {
    name: "Norman conquest",
    question: "Who led the Norman conquest of England?",
    context: "The Norman conquest of England was led by William the Conqueror in 1066. He had " +
      "landed at Pevensey on 28 September, and defeated King Harold near Hastings on 14 October.",
  },
  {
    name: "Apollo 11",
    question: "How long did they stay outside?",
    context: "Apollo 11 landed on the Moon on 20 July 1969. Neil Armstrong and Buzz Aldrin spent " +
      "about two and a quarter hours outside the spacecraft and collected 21.5 kilograms of " +
      "lunar material, while Michael Collins flew the command module alone in lunar orbit.",
  },
  {
    name: "Accents and emoji",
    question: "Where does Zoë live?",
    context: "👩‍🚀 Zoë was born in São Paulo, studied in Kraków and lives in Reykjavík 🇮🇸 today.",
  },
  {
    name: "A long text",
    question: "What did the keeper find?",
    context: "The weather in the valley was mild and dry that year, as the monks wrote. ".repeat(60) +
      "In the spring the keeper of the mill found a silver coin under the stone. " +
      "Nothing else of note happened before the harvest. ".repeat(60),
  },
  {
    name: "No answer",
    question: "Who invented the telephone?",
    context: "The tower was built in 1889 and is 330 metres tall.",
    impossible: true,
  },
];

const element = (id) => document.getElementById(id);
const make = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });

function showExample(example) {
  element("question").value = example.question;
  element("context").value = example.context;
  element("impossible").checked = Boolean(example.impossible);
  element("result").hidden = element("error").hidden = true;
}

async function request(path, body) {
  const key = element("key").value;
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  if (body === undefined) return fetch(path, { headers });
  headers["content-type"] = "application/json";
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function ask() {
  const context = element("context").value;
  const button = element("ask");
  button.disabled = true;
  try {
    const response = await request("answer", {
      question: element("question").value,
      context,
      top_k: 5,
      handle_impossible_answer: element("impossible").checked,
    });
    const reply = await response.json();
    if (response.ok) showAnswers(context, reply.answers, response.headers.get("server-timing"));
    else showError(response, reply.error);
  } catch (problem) {
    showFault(`no reply: ${problem.message}`);
  } finally {
    button.disabled = false;
  }
}

function showError(response, error) {
  const wait = response.headers.get("retry-after");
  showFault(`${response.status} ${error.type}: ${error.message}` + (wait ? ` (in ${wait} s)` : ""));
  if (response.status === 401) {
    element("key-field").hidden = false;
    element("key").focus();
  }
}

function showFault(message) {
  element("result").hidden = true;
  element("error").textContent = message;
  element("error").hidden = false;
}

function showAnswers(context, answers, timing) {
  element("error").hidden = true;
  const choices = answers.map((answer, number) => {
    const button = make("button");
    button.type = "button";
    button.append(make("span", `${(100 * answer.score).toFixed(1)} %`), make("span", shown(answer)));
    button.style.setProperty("--share", `${100 * answer.score}%`);
    button.addEventListener("click", () => choose(number));
    const item = make("li");
    item.append(button);
    return item;
  });
  function choose(number) {
    choices.forEach((item, other) => item.firstChild.setAttribute("aria-pressed", other === number));
    element("answer").textContent = shown(answers[number]);
    markSpan(context, answers[number]);
  }
  element("answers").replaceChildren(...choices);
  element("timings").replaceChildren(...timings(timing));
  element("result").hidden = false;
  choose(0);
}

const shown = (answer) => answer.answer || "no answer";

// offsets count code points, JavaScript's strings UTF-16 units
function markSpan(context, { answer, start, end }) {
  const points = Array.from(context);
  const place = element("marked");
  const mark = make("mark", answer);
  place.replaceChildren(
    points.slice(0, start).join(""), ...(answer ? [mark] : []), points.slice(end).join(""));
  place.scrollTop = answer ? mark.offsetTop - place.offsetTop - place.clientHeight / 2 : 0;
}

function timings(header) {
  return (header ?? "").split(", ").filter(Boolean).map((part) => {
    const [name, milliseconds] = part.split(";dur=");
    const line = make("div");
    line.append(make("dt", name), make("dd", `${milliseconds} ms`));
    return line;
  });
}

async function showModel() {
  const response = await request("info");
  if (response.ok) element("model").textContent = `answered by ${(await response.json()).name}`;
}

for (const example of EXAMPLES) {
  const button = make("button", example.name);
  button.type = "button";
  button.addEventListener("click", () => {
    showExample(example);
    element("question").focus();
  });
  element("examples").append(button);
}
element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
element("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element("form").requestSubmit();
});
showExample(EXAMPLES[0]);
showModel();
