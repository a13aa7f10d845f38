import { chooseLocale, locale, LOCALES, t, type Locale } from "../../i18n";
import { SmallSelect } from "../../ui/Field";

export function Language() {
  const choices = Object.entries(LOCALES).map(([value, label]) => ({ value: value as Locale, label }));
  return <SmallSelect label={t("app.language")} value={locale.value} choices={choices} onChange={(wanted) => void chooseLocale(wanted)} testid="language" />;
}
