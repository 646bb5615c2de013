"""Every error that a person may meet, as one tree.

AIDoctorError
├── SettingsError      a setting is unknown, invalid or not allowed here
├── StartError         the program cannot start
├── EngineError        the language model or its server
├── ImageError         a picture that cannot be used
├── StoreError         the conversations on disk
└── SetupError         fetching and installing

Each leaf has a stable `code`, one sentence `what` happened and one sentence `fix` that says what
to do. Adapters translate foreign exceptions into these; none crosses a port. `detail` is for the
log and the small print; it never holds what a person wrote.
"""

from __future__ import annotations

from typing import ClassVar


class AIDoctorError(Exception):
    """The root: something to tell the person in plain words."""

    code: ClassVar[str] = "unexpected"
    what: str = "Something unexpected went wrong."
    fix: str = "Try again; if it happens again, run `aidoctor doctor`."

    def __init__(self, detail: str = "", *, what: str = "", fix: str = "") -> None:
        super().__init__(detail or what or self.what)
        self.detail = detail
        self.what = what or self.what
        self.fix = fix or self.fix


class SettingsError(AIDoctorError):
    """A setting is unknown, invalid or not allowed where it stands."""

    code = "settings"
    what = "A setting is not valid."
    fix = "Correct the line that is named and start again."


class StartError(AIDoctorError):
    """The program cannot start."""

    code = "start"


class HostRefused(StartError):
    """`host` is not a loopback address."""

    code = "host-refused"
    what = "AI Doctor only listens on this machine until it has sign-in and TLS."
    fix = "Set host to 127.0.0.1."


class PortTaken(StartError):
    """Another program listens on the port."""

    code = "port-taken"
    what = "Another program is using the port."
    fix = "Close it, or choose another port: AIDOCTOR_PORT=3001."


class NoRoom(StartError):
    """The data folder cannot be made or written."""

    code = "no-room"
    what = "The data folder cannot be used."
    fix = "Free some disk space, or choose another folder: AIDOCTOR_DATA_DIR=/some/folder."


class PageBuildFailed(StartError):
    """Reflex or Node could not build the page; the end of their output is the detail."""

    code = "page-build"
    what = "The page could not be built."
    fix = "Read the last lines below, correct what they name, and run `make page` again."


class NodeMissing(StartError):
    """There is no Node to build the page with."""

    code = "node-missing"
    what = "Node, which builds the page, is not installed."
    fix = "Run `make page`, which installs it into .venv."


class AlreadyRunning(StartError):
    """Another process has the data folder."""

    code = "already-running"
    what = "AI Doctor is already running on these conversations."
    fix = "Use the page that is open, or end the other one first."


class PageMissing(StartError):
    """The page has not been built."""

    code = "page-missing"
    what = "The page has not been built in this installation."
    fix = (
        "In the source folder run `make page` (without make: "
        "`uv run --group build python -m aidoctor.pagebuild`), or install a wheel that holds it."
    )


class EngineError(AIDoctorError):
    """The language model or its server."""

    code = "engine"


class EngineDown(EngineError):
    """The engine does not answer."""

    code = "engine-down"
    what = "The model server is not answering."
    fix = "Start it (for Ollama: `ollama serve`), then try again."


class EngineMissing(EngineError):
    """No engine can be used at all."""

    code = "engine-missing"
    what = "No language model is installed yet."
    fix = "Open Set-up and follow its one step."


class EngineTooOld(EngineError):
    """The server is older than what is safe and tested."""

    code = "engine-too-old"
    what = "The model server is too old."
    fix = "Update Ollama to 0.30.0 or newer."


class ModelMissing(EngineError):
    """The engine does not have the model."""

    code = "model-missing"
    what = "The model is not on this machine yet."
    fix = "Open Set-up and download it."


class ModelNotLocal(EngineError):
    """The model would run in a cloud."""

    code = "model-not-local"
    what = "This model runs in a cloud, so your words would leave this machine."
    fix = "Choose a model that runs here."


class ModelOutOfMemory(EngineError):
    """The machine lacks memory for the model."""

    code = "model-out-of-memory"
    what = "There is not enough memory for this model."
    fix = "Close other programs, or choose a smaller model."


class ModelBusy(EngineError):
    """The server's queue is full."""

    code = "model-busy"
    what = "The model server is busy."
    fix = "Wait a moment and try again."


class ModelProtocolError(EngineError):
    """The server said something that is not its protocol."""

    code = "model-protocol"
    what = "The model server answered in a way that cannot be understood."
    fix = "Update the model server, then try again."


class ModelFailed(EngineError):
    """The server reported an error of its own."""

    code = "model-failed"
    what = "The model server reported an error."
    fix = "Try again; if it happens again, restart the model server."


class ModelCrashed(EngineError):
    """The embedded engine's process ended."""

    code = "model-crashed"
    what = "The model stopped unexpectedly and has been restarted."
    fix = "Try again; what was already written is kept."


class ModelUnreadable(EngineError):
    """A model file cannot be loaded."""

    code = "model-unreadable"
    what = "The model file cannot be loaded."
    fix = "Check the paths gguf and mmproj, or download the model again in Set-up."


class StreamBroken(EngineError):
    """The answer stopped before its end."""

    code = "stream-broken"
    what = "The answer stopped before its end."
    fix = "Choose Continue to let the model go on."


class ModelSlow(EngineError):
    """No first or next token within the time allowed."""

    code = "model-slow"
    what = "The model has not answered in the time allowed."
    fix = "Try again, or raise first_token_timeout or token_timeout in the settings."


class PromptTooLong(EngineError):
    """One message alone does not fit the context."""

    code = "prompt-too-long"
    what = "This message is too long for the model."
    fix = "Shorten it, or send it in parts."


class PictureRefused(EngineError):
    """The engine could not read a picture."""

    code = "picture-refused"
    what = "The model could not read the picture."
    fix = "Remove it and send the message again, or choose a model that sees pictures."


class PullFailed(EngineError):
    """The engine could not fetch or make a model."""

    code = "pull-failed"
    what = "The model server could not download the model."
    fix = "Check network and disk, then try again; it goes on where it stopped."


class RemoteRefused(EngineError):
    """An engine address outside this machine without leave."""

    code = "remote-refused"
    what = "The model server's address is not on this machine."
    fix = "Set allow_remote_engine = true if your words may go there."


class EngineRefused(EngineError):
    """The engine wants another key."""

    code = "engine-refused"
    what = "The model server refused the request."
    fix = "Check openai_api_key."


class ImageError(AIDoctorError):
    """A picture that cannot be used."""

    code = "image"
    fix = "Choose a PNG, JPEG, WebP, GIF, BMP, TIFF or HEIC picture."


class ImageUnsupported(ImageError):
    """The bytes are of no kind that is read here."""

    code = "image-unsupported"
    what = "This file is not a picture of a kind that can be read."


class ImageIsPdf(ImageError):
    """A PDF instead of a picture."""

    code = "image-pdf"
    what = "This is a PDF, and the model reads pictures."
    fix = (
        "Take a screenshot of the page that matters, or export it as PNG or JPEG, and attach that."
    )


class ImageIsDicom(ImageError):
    """A DICOM file instead of a picture."""

    code = "image-dicom"
    what = "This is a DICOM file from a scanner, and the model reads pictures."
    fix = "Open it in a DICOM viewer, export the view that matters as PNG or JPEG, and attach that."


class ImageIsSvg(ImageError):
    """A drawing that could hold a program."""

    code = "image-svg"
    what = "This is an SVG drawing, which can hold programs, so it is not opened."
    fix = "Take a screenshot of it, or export it as PNG, and attach that."


class ImageIsHtml(ImageError):
    """A web page instead of a picture."""

    code = "image-html"
    what = "This is a web page, and the model reads pictures."
    fix = "Take a screenshot of the part that matters and attach that."


class ImageIsMedia(ImageError):
    """A film or a sound recording instead of a picture."""

    code = "image-media"
    what = "This is a video or a sound recording, and the model reads pictures."
    fix = "For a video, pause it where it matters, take a screenshot and attach that."


class ImageTooLarge(ImageError):
    """More bytes than are taken."""

    code = "image-too-large"
    what = "This picture is larger than 20 MB."
    fix = "Save it smaller or as JPEG, or take a screenshot of it, and attach that."


class ImageTooManyPixels(ImageError):
    """More pixels than are decoded."""

    code = "image-too-many-pixels"
    what = "This picture has more than 40 million pixels."
    fix = "Scale it down or cut out the part that matters, and attach that."


class ImageDamaged(ImageError):
    """The file ends too early or does not follow its format."""

    code = "image-damaged"
    what = "This picture is damaged or incomplete."
    fix = "Open it in a picture viewer, save it again as PNG or JPEG, and attach that."


class ImageTimeout(ImageError):
    """Reading took longer than allowed."""

    code = "image-timeout"
    what = "Reading this picture took too long."
    fix = "Save it again as PNG or JPEG, smaller if you can, and attach that."


class ImageMemory(ImageError):
    """Reading needed more memory than allowed."""

    code = "image-memory"
    what = "Reading this picture needs too much memory."
    fix = "Save it again as PNG or JPEG, smaller if you can, and attach that."


class UploadTooSlow(ImageError):
    """The upload did not end within its time."""

    code = "image-upload-slow"
    what = "The upload of this picture did not finish in time."
    fix = "Attach it again."


class StoreError(AIDoctorError):
    """The conversations on disk."""

    code = "store"
    what = "The conversations could not be read or saved."
    fix = "Try again; if it happens again, run `aidoctor doctor`."


class NotFound(StoreError):
    """No such conversation, turn or attachment."""

    code = "not-found"
    what = "This conversation is not here (any more)."
    fix = "Choose another from the history."


class TurnRefused(StoreError):
    """A turn whose id is malformed or belongs to another turn."""

    code = "turn-refused"
    what = "This message cannot be saved as it was sent."
    fix = "Reload the page and send it again."


class StoreFull(StoreError):
    """The disk takes no more."""

    code = "store-full"
    what = "The disk is full, so this could not be saved."
    fix = "Free some space, then try again; what was saved before is safe."


class StoreLocked(StoreError):
    """Another program holds the database for longer than we wait."""

    code = "store-locked"
    what = "Another program is using the conversations."
    fix = "Close it (a backup or a second AI Doctor, perhaps), then try again."


class StoreCorrupt(StoreError):
    """The database is damaged, or is not ours; it is left as it is."""

    code = "store-corrupt"
    what = "The file with the conversations is damaged. It has been left as it is."
    fix = "Put a backup in its place, or move it away to begin anew: conversations.sqlite3."


class StoreTooNew(StoreError):
    """A newer version of this program wrote the database."""

    code = "store-too-new"
    what = "The conversations were saved by a newer AI Doctor."
    fix = "Update AI Doctor; nothing has been changed."


class StoreReadOnly(StoreError):
    """The data folder or its file cannot be written."""

    code = "store-read-only"
    what = "AI Doctor may not write to its data folder."
    fix = "Give yourself the right to write there, or set data_dir to another folder."


class StoreDiskFailing(StoreError):
    """The disk reports errors of its own."""

    code = "store-disk"
    what = "The disk reported an error."
    fix = "Copy the data folder to another disk, and check this one."


class StoreClosed(StoreError):
    """The program is ending."""

    code = "store-closed"
    what = "AI Doctor is closing."
    fix = "Start it again."


class ImportRefused(StoreError):
    """A file that is not an exported conversation; the detail says where, never what."""

    code = "import-refused"
    what = "This file is not a conversation that AI Doctor has exported."
    fix = "Choose a .json file that was saved with Export as JSON."


class ImportTooLarge(StoreError):
    """More bytes than are taken back."""

    code = "import-too-large"
    what = "This file is too large to bring back."
    fix = "Files up to 256 MB can be brought back."


class AnswerRunning(AIDoctorError):
    """The conversation already has an answer in progress."""

    code = "answer-running"
    what = "The last answer is still being written."
    fix = "Wait for it, or stop it."


class BadRequest(AIDoctorError):
    """A request that this page would not make."""

    code = "bad-request"
    what = "This request cannot be understood."
    fix = "Reload the page and try again."


class SetupError(AIDoctorError):
    """Fetching and installing."""

    code = "setup"


class SetupBusy(SetupError):
    """A step of set-up is already running."""

    code = "setup-busy"
    what = "Another step of set-up is still running."
    fix = "Wait for it, or cancel it."


class LicenceOpen(SetupError):
    """The terms of the model have not been accepted."""

    code = "licence-open"
    what = "The terms of MedGemma have not been accepted yet."
    fix = "Read them in Set-up and accept them, or run `aidoctor setup --accept-licence`."


class HubDown(SetupError):
    """The server of the model files does not answer, or only with errors."""

    code = "hub-down"
    what = "The server of the model files cannot be reached."
    fix = "Check the network connection and try again; what has arrived is kept."


class HubRefused(SetupError):
    """The server of the model files does not give them out, or does not have them."""

    code = "hub-refused"
    what = "The server of the model files does not have this file, or does not give it out."
    fix = "Check hub_endpoint, update AI Doctor, or use Ollama instead."


class DownloadUnverifiable(SetupError):
    """The hub announces no SHA-256, so nothing is fetched."""

    code = "download-unverifiable"
    what = "The server does not say what the file must be, so it was not downloaded."
    fix = "Set hub_endpoint to https://huggingface.co or to a true mirror of it."


class DownloadBroken(SetupError):
    """The transfer broke off again and again."""

    code = "download-broken"
    what = "The download keeps breaking off."
    fix = "Try again later; it goes on where it stopped."


class DownloadStalled(SetupError):
    """Nothing has arrived for too long."""

    code = "download-stalled"
    what = "Nothing more of the file has arrived for a while."
    fix = "Check the network connection and try again; it goes on where it stopped."


class DownloadCorrupt(SetupError):
    """What arrived is not what the hub announced."""

    code = "download-corrupt"
    what = "What arrived is not the file that was announced, so it was thrown away."
    fix = "Try again. If it happens again, something between you and the server changes files."


class DownloadNoRoom(SetupError):
    """The disk is too small for the model."""

    code = "download-no-room"
    what = "There is not enough room on the disk for the model."
    fix = "Delete what you no longer need, or move data_dir to a larger disk, and try again."


class DownloadElsewhere(SetupError):
    """Another process is fetching the same file."""

    code = "download-elsewhere"
    what = "This model is already being downloaded by another AI Doctor."
    fix = "Wait for that download, or cancel it there."


def find(code: str) -> type[AIDoctorError]:
    """The error with this code, or the root where none has it."""
    pending = [AIDoctorError]
    while pending:
        kind = pending.pop()
        if kind.code == code:
            return kind
        pending += kind.__subclasses__()
    return AIDoctorError


def describe(error: AIDoctorError) -> dict[str, str]:
    """An error as the page is told it."""
    return {"code": error.code, "what": error.what, "fix": error.fix}
